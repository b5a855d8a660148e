"""The table people read and the JSON machines keep."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # ships no types

from bench.scenario import Figure

SCHEMA = 1
NOTHING = "-"
TIMES = "\u00d7"


@dataclass(slots=True)
class Row:
    """One figure of one scenario, with the samples of every subject by its name."""

    scenario: str
    figure: Figure
    samples: dict[str, list[float]] = field(default_factory=dict)

    def middle(self, subject: str) -> float | None:
        """The median of this subject's samples."""
        values = self.samples.get(subject)
        return statistics.median(values) if values else None

    def cell(self, subject: str) -> str:
        """Median, and the range when there are several samples."""
        values = self.samples.get(subject)
        if not values:
            return NOTHING
        digits = self.figure.digits
        text = f"{statistics.median(values):,.{digits}f}"
        if len(values) > 1:
            text += f" ({min(values):,.{digits}f} … {max(values):,.{digits}f})"
        return text

    def ratio(self, ours: str, other: str) -> str:
        """How many times better the first subject is."""
        a, b = self.middle(ours), self.middle(other)
        if not a or not b or not self.figure.compared:
            return NOTHING
        better = a / b if self.figure.higher_is_better else b / a
        digits = 0 if better >= 10 else 1 if better >= 1 else 2
        return f"{better:,.{digits}f}{TIMES}"

    def aim(self, subject: str) -> str:
        """The aim, and whether this subject meets it."""
        aim, value = self.figure.aim, self.middle(subject)
        if aim is None:
            return ""
        better = self.figure.higher_is_better
        sign = "≥" if better else "≤"
        met = value is not None and (value >= aim if better else value <= aim)
        return f"{sign} {aim:,g} {'✓' if met else '✗' if value is not None else ''}".rstrip()


@dataclass(slots=True)
class Report:
    """Everything one run of the bench found."""

    subjects: list[str]
    versions: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    begun: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    load_before: tuple[float, float, float] = field(default_factory=os.getloadavg)
    aims: bool = False  # whether the first subject is the one that the aims are for
    load_after: tuple[float, float, float] | None = None
    ceilings: dict[str, float] = field(default_factory=dict)

    def add(
        self, scenario: str, figures: Sequence[Figure], samples: dict[str, list[dict[str, float]]]
    ) -> None:
        """Take in the samples of one scenario: subject name to its runs."""
        for figure in figures:
            row = Row(scenario, figure)
            for subject, runs in samples.items():
                values = [run[figure.key] for run in runs if figure.key in run]
                if values:
                    row.samples[subject] = values
            if row.samples:
                self.rows.append(row)

    def markdown(self) -> str:
        """The table with the circumstances under it: median (min … max)."""
        versus = self.subjects[1:]
        head = [
            "Figure",
            "Unit",
            *(self._title(s) for s in self.subjects),
            *(f"{TIMES} {s}" for s in versus),
            *(["Aim"] if self.aims else []),
        ]
        lines = ["| " + " | ".join(head) + " |", "| --- | --- |" + " ---: |" * (len(head) - 2)]
        for row in self.rows:
            cells = [row.figure.label, row.figure.unit, *(row.cell(s) for s in self.subjects)]
            cells += [row.ratio(self.subjects[0], s) for s in versus]
            if self.aims:
                cells.append(row.aim(self.subjects[0]))
            lines.append("| " + " | ".join(cells) + " |")
        before = f"{self.load_before[0]:.1f}"
        after = f"{(self.load_after or os.getloadavg())[0]:.1f}"
        lines += [
            "",
            f"Median (min … max). {self._machine()}; load average {before} before, {after} at the end.",
        ]
        if self.ceilings:
            lines.append(
                f"The load generator's own ceiling here: {self.ceilings['deliveries']:,.0f} deliveries/s, "
                f"{self.ceilings['tokens']:,.0f} tokens/s."
            )
        lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines) + "\n"

    def data(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "schema": SCHEMA,
            "begun": self.begun,
            "machine": {
                "cores": os.cpu_count(),
                "memory_mib": psutil.virtual_memory().total // (1024 * 1024),
                "system": platform.platform(),
                "python": platform.python_version(),
            },
            "load_average": {"before": self.load_before, "after": self.load_after},
            "ceilings": self.ceilings,
            "subjects": [{"name": name, "version": self.versions.get(name)} for name in self.subjects],
            "figures": [
                {
                    "scenario": row.scenario,
                    "key": row.figure.key,
                    "label": row.figure.label,
                    "unit": row.figure.unit,
                    "higher_is_better": row.figure.higher_is_better,
                    "aim": row.figure.aim,
                    "results": {
                        name: {
                            "min": min(values),
                            "median": statistics.median(values),
                            "max": max(values),
                            "samples": values,
                        }
                        for name, values in row.samples.items()
                    },
                }
                for row in self.rows
            ],
            "notes": self.notes,
        }

    def write(self, path: Path) -> None:
        """Write the JSON file."""
        path.write_text(json.dumps(self.data(), indent=1, ensure_ascii=False) + "\n")

    def _title(self, subject: str) -> str:
        version = self.versions.get(subject)
        return f"{subject} {version}" if version and version not in subject else subject

    @staticmethod
    def _machine() -> str:
        return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
