"""What every method of explanation gives back: one map a record and label, and what it cost."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ecglens.errors import LabelError, ParameterError, did_you_mean
from ecglens.files import whole_file
from ecglens.record import LEADS


@dataclass(frozen=True)
class Cost:
    """What an explanation took, over all of its records.

    Parameters
    ----------
    forward_passes : int
        Signals that the model was asked about: ten variants of one record are ten.
    gradient_passes : int
        Signals and labels that a gradient was taken for; each includes a forward pass, which is not
        counted again.
    seconds : float
        Wall time.
    """

    forward_passes: int
    gradient_passes: int
    seconds: float


@dataclass(frozen=True)
class Explanation:
    """Why a model gave records their labels, by one method.

    Parameters
    ----------
    method : str
        A key of :data:`ecglens.explain.METHODS`.
    labels : tuple of str
        Explained, in the order of the last axis.
    attribution : ndarray of float32, shape (records, samples, 12 or 1, labels)
        Positive speaks for the label, negative against it. In logit units (probability units with
        ``of="probability"``), unless :attr:`ecglens.explain.Method.unit` says otherwise. One column
        where a method does not tell the leads apart.
    bias : ndarray of float32, shape (records, labels)
        To which the attribution is added: the head's bias for "additive", else the value of the
        method's baseline, which without a choice is a record of 0 mV.
    logit, probability : ndarray of float32, shape (records, labels)
        The model's answer.
    of : {"logit", "probability"}
        Which of the two is explained.
    sampling_frequency : float
        Of the attribution, Hz.
    record_names : tuple of str
    options : dict
        Of the method, defaults included.
    cost : Cost
    details : dict of str to ndarray or value
        What else a method found, such as the ``standard_error`` of Shapley values.
    notes : tuple of str
        What a reader must know before using the maps, such as that one is empty.
    over_time : bool
        Whether the maps tell the moments of a lead apart. Shapley values of whole leads do not.
    """

    method: str
    labels: tuple[str, ...]
    attribution: np.ndarray
    bias: np.ndarray
    logit: np.ndarray
    probability: np.ndarray
    of: str
    sampling_frequency: float
    record_names: tuple[str, ...]
    options: dict
    cost: Cost
    details: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    over_time: bool = True

    @property
    def value(self) -> np.ndarray:
        """What is explained, logit or probability, (records, labels)."""
        return self.logit if self.of == "logit" else self.probability

    @property
    def completeness_error(self) -> np.ndarray:
        """|sum of attribution + bias - value|, float64 (records, labels); 0 if it adds up."""
        total = self.attribution.sum(axis=(1, 2), dtype=np.float64) + self.bias
        return np.abs(total - self.value)

    def map(self, record: int, label: str) -> np.ndarray:
        """Return one record's map of one label, (samples, 12 or 1).

        Raises
        ------
        LabelError
            If the label was not explained.
        """
        return self.attribution[record, ..., self.column(label)]

    def require_over_time(self) -> None:
        """Refuse maps that are spread evenly over each lead.

        Raises
        ------
        ParameterError
        """
        if not self.over_time:
            raise ParameterError(
                "explanation",
                f"maps by {self.method!r} of whole leads, spread evenly over time",
                "maps that tell moments apart",
                "Use 'integrated_gradients', or 'occlusion' with by='lead_window'.",
            )

    def column(self, label: str) -> int:
        """Return a label's place in the last axis.

        Raises
        ------
        LabelError
            If the label was not explained.
        """
        if label not in self.labels:
            mend = did_you_mean(label, self.labels)
            raise LabelError("label", f"no {label!r}", "a label that was explained", mend)
        return self.labels.index(label)

    def summary(self, record: int) -> dict:
        """Return one record's figures without its map, ready for JSON."""
        columns = {
            label: {
                "logit": float(self.logit[record, k]),
                "probability": float(self.probability[record, k]),
                "bias": float(self.bias[record, k]),
                "attribution_sum": float(self.attribution[record, ..., k].sum(dtype=np.float64)),
                "completeness_error": float(self.completeness_error[record, k]),
            }
            for k, label in enumerate(self.labels)
        }
        return {
            "record": self.record_names[record],
            "method": self.method,
            "options": self.options,
            "explains": self.of,
            "sampling_frequency": self.sampling_frequency,
            "labels": columns,
            "cost": {
                "records": len(self.record_names),
                "forward_passes": self.cost.forward_passes,
                "gradient_passes": self.cost.gradient_passes,
                "seconds": round(self.cost.seconds, 4),
            },
            "notes": list(self.notes),
        }

    def save(self, path: Path) -> None:
        """Write maps and figures as one ``.npz`` of plain arrays, whole or not at all."""
        with whole_file(path) as part, open(part, "wb") as file:
            np.savez_compressed(
                file,
                attribution=self.attribution,
                bias=self.bias,
                logit=self.logit,
                probability=self.probability,
                labels=np.array(self.labels),
                leads=np.array(LEADS if self.attribution.shape[2] == len(LEADS) else ("all",)),
                records=np.array(self.record_names),
                sampling_frequency=np.array(self.sampling_frequency),
                method=np.array(self.method),
                explains=np.array(self.of),
            )
