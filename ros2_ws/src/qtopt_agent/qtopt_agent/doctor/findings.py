"""What the doctor says."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """OK comes with what was found to be well; a WARNING works, badly; an ERROR does not."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. advice: what to do; empty where all is well."""

    severity: Severity
    text: str
    advice: str = ""


def worst(findings: list[Finding]) -> Severity:
    """The gravest severity among `findings`."""
    return max((finding.severity for finding in findings), default=Severity.OK)
