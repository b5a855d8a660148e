"""Finding out which hop between this program and a live link fails, and what to do about it."""

from antiphon.client.diagnosis.diagnose import diagnose
from antiphon.client.diagnosis.finding import Finding, Hop, Verdict

__all__ = ["Finding", "Hop", "Verdict", "diagnose"]
