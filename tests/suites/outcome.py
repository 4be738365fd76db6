"""The common form into which every suite translates its own results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What became of one case."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """One case of a suite: its name, what became of it, and why."""

    case: str
    verdict: Verdict
    reason: str = ""

    def line(self) -> str:
        """Return the outcome as a single line, whatever its reason contains."""
        reason = " ".join(self.reason.split())
        return f"{self.case}: {reason}" if reason else self.case


def count(outcomes: Iterable[Outcome], verdict: Verdict) -> int:
    """Return how many outcomes have the given verdict."""
    return sum(outcome.verdict is verdict for outcome in outcomes)


def totals(outcomes: list[Outcome]) -> str:
    """Return `N passed, N failed`, followed by `, N skipped` when there are any."""
    parts = [Verdict.PASSED, Verdict.FAILED]
    if count(outcomes, Verdict.SKIPPED):
        parts.append(Verdict.SKIPPED)
    return ", ".join(f"{count(outcomes, part)} {part.value}" for part in parts)
