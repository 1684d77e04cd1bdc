"""Quality of records on their way into the prepared arrays: flags, and what rules make of them."""

from dataclasses import dataclass

import numpy as np

from ecglens.quality.flags import Flag, flags_of
from ecglens.quality.measurement import measures_of_counts
from ecglens.quality.policy import Policy, Rules, Treatment, treat, worst
from ecglens.record import MISSING


@dataclass(frozen=True)
class Judged:
    """Records, and what is known and done about their quality.

    Parameters
    ----------
    counts : ndarray of int16, shape (records, samples, 12)
        Microvolts, masked leads missing; also of records that are to be dropped.
    flags : list of list of Flag
        Of each record as it was given.
    treatments : list of Treatment
    """

    counts: np.ndarray
    flags: list[list[Flag]]
    treatments: list[Treatment]

    @property
    def dropped(self) -> np.ndarray:
        """Whether each record is left out, bool (records,)."""
        return np.array([t.policy is Policy.DROP for t in self.treatments], bool)

    def row(self, number: int) -> dict[str, str]:
        """Return what ``records.csv`` says of a record's quality."""
        return {
            "quality_flags": " ".join(map(str, self.flags[number])),
            "severity": worst(self.flags[number]),
            "policy": str(self.treatments[number].policy),
        }

    def why_dropped(self, number: int) -> str:
        """Return what ``rejected.csv`` says of a record that is left out."""
        sentences = "; ".join(flag.sentence for flag in self.treatments[number].reasons)
        return f"dropped for its quality: {sentences} (prepare.quality)"


def judge(counts: np.ndarray, sampling_frequency: float, rules: Rules) -> Judged:
    """Return records with their flags and what the rules make of them.

    Parameters
    ----------
    counts : ndarray of int16, shape (records, samples, 12)
        Microvolts, :data:`ecglens.record.MISSING` where a sample is missing.
    sampling_frequency : float
        Hz.
    rules : mapping of str to Policy
    """
    flags = flags_of(measures_of_counts(counts, sampling_frequency))
    treatments = [treat(found, rules) for found in flags]
    masked = np.array([t.masked for t in treatments], bool).reshape(len(counts), 1, -1)
    if masked.any():
        counts = np.where(masked, np.int16(MISSING), counts)
    return Judged(counts, flags, treatments)
