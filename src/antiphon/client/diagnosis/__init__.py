"""Finding out which hop between this program and a live link fails, and what to do about it."""

from .diagnose import diagnose
from .finding import Finding, Hop, Verdict

__all__ = ["Finding", "Hop", "Verdict", "diagnose"]
