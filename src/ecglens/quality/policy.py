"""What is done with a record that has flags: rules from a flag, or its severity, to a policy.

Rules are a mapping such as ``{"unusable": "abstain", "warning": "keep", "noise": "mask_lead"}``.
A rule for a kind of flag comes before that for its severity; what no rule speaks of is kept. Of
several flags the strictest policy holds: drop, then abstain, then mask_lead, then keep.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ecglens.errors import ParameterError, RecordError, did_you_mean
from ecglens.quality.flags import LIMITS, Flag, Severity
from ecglens.record import LEADS, Record


class Policy(StrEnum):
    """What is done with a record that has flags; the mildest first."""

    KEEP = "keep"  # used as it is
    MASK_LEAD = "mask_lead"  # the flagged leads become missing (NaN)
    ABSTAIN = "abstain"  # no number comes from it: no prediction, no part in training or evaluation
    DROP = "drop"  # left out of a data set


Rules = Mapping[str, Policy]
KEYS = (*Severity, *LIMITS)  # of rules
# Without other rules: a prediction of a lead that is not there would be one of another heart.
FOR_PREDICTION: Rules = {Severity.UNUSABLE: Policy.ABSTAIN}
_STRICTNESS = {policy: place for place, policy in enumerate(Policy)}


class AbstainedError(RecordError):
    """A record that the rules allow no prediction of.

    Attributes
    ----------
    reasons : tuple of Flag
        For which it is refused.
    flags : tuple of Flag
        All that it has.
    """

    reasons: tuple[Flag, ...] = ()
    flags: tuple[Flag, ...] = ()

    @classmethod
    def because(
        cls, source: str, reasons: Sequence[Flag], flags: Sequence[Flag]
    ) -> "AbstainedError":
        """Return the error for a record (``source``) of these flags."""
        kinds = dict.fromkeys(flag.kind for flag in reasons)
        unusable = all(flag.severity is Severity.UNUSABLE for flag in reasons)
        otherwise = "keep" if unusable else ",".join(f"{kind}=keep" for kind in kinds)
        error = cls(
            source,
            "; ".join(flag.sentence for flag in reasons),
            "a record whose quality allows a prediction",
            f"Record it again, or say otherwise (--policy '{otherwise}') and read the warnings.",
        )
        error.reasons, error.flags = tuple(reasons), tuple(flags)
        return error

    def __reduce__(self):
        return *super().__reduce__(), {"reasons": self.reasons, "flags": self.flags}


@dataclass(frozen=True)
class Treatment:
    """What the rules say of one record.

    Parameters
    ----------
    policy : Policy
        The strictest that one of its flags calls for.
    reasons : tuple of Flag
        Those that call for it.
    masked : tuple of bool
        For each lead whether it becomes missing.
    """

    policy: Policy
    reasons: tuple[Flag, ...]
    masked: tuple[bool, ...]

    @property
    def masked_leads(self) -> tuple[str, ...]:
        """The names of the leads that become missing."""
        return tuple(lead for lead, masked in zip(LEADS, self.masked, strict=True) if masked)


def treat(flags: Iterable[Flag], rules: Rules) -> Treatment:
    """Return what is done with a record of these flags."""
    wanted = [(flag, policy_of(flag, rules)) for flag in flags]
    strictest = max((p for _, p in wanted), key=_STRICTNESS.get, default=Policy.KEEP)
    acted_on = strictest is not Policy.KEEP
    reasons = tuple(flag for flag, policy in wanted if acted_on and policy is strictest)
    masked = {x for flag, policy in wanted if policy is Policy.MASK_LEAD for x in flag.leads}
    return Treatment(strictest, reasons, tuple(lead in masked for lead in LEADS))


def policy_of(flag: Flag, rules: Rules) -> Policy:
    """Return what the rules say of one flag."""
    return rules.get(flag.kind, rules.get(flag.severity, Policy.KEEP))


def worst(flags: Iterable[Flag]) -> str:
    """Return the highest severity among flags; "" where there is none."""
    order = list(Severity)
    return max((flag.severity for flag in flags), key=order.index, default="")


def apply_policy(record: Record, flags: Sequence[Flag], rules: Rules) -> Record:
    """Return the record as the rules let it through to a prediction; the flags travel beside it.

    Parameters
    ----------
    record : Record
    flags : sequence of Flag
        As :func:`assess` returns them.
    rules : mapping of str to Policy

    Raises
    ------
    AbstainedError
        If they let it through to none.
    """
    treatment = treat(flags, rules)
    if treatment.policy in (Policy.ABSTAIN, Policy.DROP):
        source = record.source or record.name
        raise AbstainedError.because(source, treatment.reasons, flags)
    if not any(treatment.masked):
        return record
    signal = record.signal.copy()
    signal[:, list(treatment.masked)] = float("nan")
    return Record(signal, record.sampling_frequency, record.name, record.source)


def known_rules(rules: object, where: str = "policy") -> dict[str, Policy]:
    """Return rules after a check of every word.

    Parameters
    ----------
    rules : mapping of str to str
    where : str
        For messages, such as "params.yaml: prepare: quality".

    Raises
    ------
    ParameterError
        If a kind, severity or policy is not known.
    """
    if not isinstance(rules, Mapping):
        expected = "policies of flags or severities, such as {unusable: drop, noise: mask_lead}"
        raise ParameterError(where, repr(rules), expected)
    found = {}
    for key, policy in rules.items():
        if key not in KEYS:
            mend = did_you_mean(key, KEYS)
            raise ParameterError(where, repr(key), "a kind of flag or a severity", mend)
        if policy not in list(Policy):
            mend = did_you_mean(policy, list(Policy))
            raise ParameterError(f"{where}: {key}", repr(policy), "a policy", mend)
        found[str(key)] = Policy(policy)
    return found


def prediction_rules(texts: Iterable[str], basis: Rules = FOR_PREDICTION) -> dict[str, Policy]:
    """Return the rules of a prediction, from words such as "keep" or "noise=mask_lead".

    Parameters
    ----------
    texts : iterable of str
        "POLICY", for what is unusable, or "KIND=POLICY" or "SEVERITY=POLICY"; several may stand in
        one text, separated by commas. Later ones come before earlier ones.
    basis : mapping of str to Policy
        What holds where they say nothing.

    Raises
    ------
    ParameterError
        If a word is not known, or the policy is to drop: a prediction can only be abstained from.
    """
    rules = dict(basis)
    for text in ",".join(texts).split(","):
        key, _, policy = text.strip().rpartition("=")
        ((key, policy),) = known_rules({key or Severity.UNUSABLE: policy}).items()
        if policy is Policy.DROP:
            expected = "keep, mask_lead or abstain for a prediction"
            raise ParameterError("policy", repr(text), expected)
        if key in list(Severity):  # said of all of its kinds, whatever the model says of one
            rules = {k: p for k, p in rules.items() if k not in LIMITS or _severity(k) != key}
        rules[key] = policy
    return rules


def as_prepared(rules: Rules) -> dict[str, Policy]:
    """Return the rules of predictions by a model whose records were prepared by these.

    What was masked in training is masked; what it never saw, it abstains from. Leads that are not
    there are abstained from even where training kept them.
    """
    rules = known_rules(rules)
    strict = {k: Policy.ABSTAIN if p is Policy.DROP else p for k, p in rules.items()}
    unusable = {k for k in KEYS if k == Severity.UNUSABLE or _severity(k) == Severity.UNUSABLE}
    kept = {k for k in unusable if strict.get(k) is Policy.KEEP}
    return {**FOR_PREDICTION, **{k: p for k, p in strict.items() if k not in kept}}


def _severity(key: str) -> Severity | None:
    """Return a kind's severity, as a rule; None of what is no kind."""
    return LIMITS[key].severity if key in LIMITS else None
