"""What is done with a record that has flags."""

from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from ecglens.errors import ParameterError, RecordError, did_you_mean
from ecglens.quality.flags import LIMITS, Flag
from ecglens.record import LEADS, Record

UNUSABLE = frozenset({"flat", "missing"})  # kinds that policies act on unless told otherwise


class Policy(StrEnum):
    """What is done with a record that has flags."""

    KEEP = "keep"  # used as it is
    MASK_LEAD = "mask_lead"  # the flagged leads become missing (NaN)
    DROP = "drop"  # left out of a data set
    ABSTAIN = "abstain"  # refused, with the reasons


def apply_policy(
    record: Record, flags: Iterable[Flag], policy: Policy, kinds: Iterable[str] = UNUSABLE
) -> Record | None:
    """Return the record as a policy lets it through; the flags travel beside it in any case.

    Parameters
    ----------
    record : Record
    flags : iterable of Flag
        As :func:`assess` returns them.
    policy : Policy
    kinds : iterable of str
        The kinds of flags to act on, keys of :data:`LIMITS`.

    Returns
    -------
    Record or None
        None where the record is dropped.

    Raises
    ------
    RecordError
        If the policy is to abstain and a flag is of these kinds.
    ParameterError
        If a policy or kind is not known.
    """
    policy, kinds = known_policy(policy), list(kinds)
    for kind in kinds:
        if kind not in LIMITS:
            raise ParameterError("kinds", repr(kind), "a kind of flag", did_you_mean(kind, LIMITS))
    acted_on = [flag for flag in flags if flag.kind in kinds]
    if not acted_on or policy is Policy.KEEP:
        return record
    if policy is Policy.DROP:
        return None
    if policy is Policy.ABSTAIN:
        raise RecordError(
            record.source or record.name,
            "; ".join(flag.sentence for flag in acted_on),
            "twelve leads without missing samples, none flat",
            "Record it again, or allow defects (--allow-defects) and read the warnings.",
        )
    signal = record.signal.copy()
    masked = {lead for flag in acted_on for lead in flag.leads}
    signal[:, [lead in masked for lead in LEADS]] = np.nan
    return Record(signal, record.sampling_frequency, record.name, record.source)


def known_policy(name: str) -> Policy:
    """Return the policy of a name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    try:
        return Policy(name)
    except ValueError:
        mend = did_you_mean(name, [policy.value for policy in Policy])
        raise ParameterError("policy", repr(name), "a policy", mend) from None
