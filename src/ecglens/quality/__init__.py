"""What is wrong with a signal: measures of many records at once, flags, policies.

Nothing here changes a signal, except where :func:`apply_policy` is asked to. How well the flags do
on PTB-XL is printed by benchmarks/quality.py and benchmarks/electrode_reversal.py; where each limit
comes from stands beside it in :mod:`ecglens.quality.flags`. numpy alone, because every prediction
carries its record's flags.
"""

from ecglens.quality.flags import LIMITS, Flag, Limit, Severity, assess, flags_of
from ecglens.quality.measurement import MEASURES, measures, measures_of_counts
from ecglens.quality.policy import (
    FOR_PREDICTION,
    AbstainedError,
    Policy,
    Treatment,
    apply_policy,
    known_rules,
    treat,
)

__all__ = [
    "FOR_PREDICTION",
    "LIMITS",
    "MEASURES",
    "AbstainedError",
    "Flag",
    "Limit",
    "Policy",
    "Severity",
    "Treatment",
    "apply_policy",
    "assess",
    "flags_of",
    "known_rules",
    "measures",
    "measures_of_counts",
    "treat",
]
