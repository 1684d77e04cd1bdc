"""Predictions with their explanation from one ONNX file; numpy and onnxruntime, nothing else.

The file describes itself: what it takes, its labels and thresholds, and what it was made from.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from ecglens import formats
from ecglens.card import PLAIN_OUTPUTS, ModelCard
from ecglens.errors import ModelError, RecordError
from ecglens.quality import (
    Flag,
    Policy,
    Severity,
    Treatment,
    apply_policy,
    assess,
    flags_of,
    measures,
    treat,
)
from ecglens.quality.policy import as_prepared, prediction_rules
from ecglens.record import LEADS, Record

METADATA_KEY = "ecglens"  # one JSON object under this key in the file's metadata


@dataclass(frozen=True)
class Prediction:
    """The answer for one record.

    Of a model that is additive, for every label attribution sums, with bias, to the logit.

    Parameters
    ----------
    record : Record
        As the model saw it, resampled if need be.
    card : ModelCard
    probability, logit : ndarray of float32, shape (labels,)
    attribution : ndarray of float32, shape (samples, 12 or 1, labels), or None
        In logit units. None, as ``bias``, of a model that is not additive.
    bias : ndarray of float32, shape (labels,), or None
    warnings : tuple of str
        What a reader must know before trusting it; the sentences of flags that are more than notes
        among it.
    flags : tuple of Flag
        What is wrong with the record as it was given.
    """

    record: Record
    card: ModelCard
    probability: np.ndarray
    logit: np.ndarray
    attribution: np.ndarray | None = None
    bias: np.ndarray | None = None
    warnings: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def positive(self) -> np.ndarray:
        """Whether each label is given: its probability reaches its threshold."""
        return self.probability >= np.array(self.card.thresholds)

    @property
    def notes(self) -> tuple[str, ...]:
        """The sentences of the flags that are no warnings."""
        return tuple(flag.sentence for flag in self.flags if flag.severity is Severity.NOTE)

    def to_dict(self, *, attribution: bool = False) -> dict:
        """Return plain Python values, ready for JSON.

        Parameters
        ----------
        attribution : bool
            Whether to include each label's map, (samples, 12 or 1), and not its sum alone. A
            model that is not additive has neither, nor a bias.
        """
        rows = {}
        for k, label in enumerate(self.card.labels):
            rows[label] = {
                "probability": float(self.probability[k]),
                "threshold": self.card.thresholds[k],
                "positive": bool(self.positive[k]),
                "logit": float(self.logit[k]),
            }
            if self.card.additive:
                total = float(self.attribution[..., k].sum(dtype=np.float64))
                rows[label] |= {"bias": float(self.bias[k]), "attribution_sum": total}
            if self.card.additive and attribution:
                rows[label]["attribution"] = self.attribution[..., k].tolist()
        said = _described(self.record, self.card, self.flags)
        return said | {"labels": rows, "warnings": list(self.warnings)}


@dataclass(frozen=True)
class Abstention:
    """No answer for one record, and why: the rules of quality allow none.

    Parameters
    ----------
    record : Record
        As it was given.
    card : ModelCard
        Of the model that was asked.
    reasons, flags : tuple of Flag
        For which it abstains, and all that are wrong with the record.
    """

    record: Record
    card: ModelCard
    reasons: tuple[Flag, ...]
    flags: tuple[Flag, ...]

    def to_dict(self) -> dict:
        """Return plain Python values, ready for JSON, with ``labels`` None: there is no number."""
        warnings = [*_warnings(self.flags), *self.card.warnings]
        said = _described(self.record, self.card, self.flags, self.reasons)
        return said | {"abstained": True, "warnings": warnings}


def _described(
    record: Record, card: ModelCard, flags: Iterable[Flag], reasons: Iterable[Flag] = ()
) -> dict:
    """Return what any answer says of its record and its model."""
    origin = ("task", "model", "dataset", "run_id", "data_version", "git_commit", "additive")
    return {
        "record": record.name,
        "source": record.source,
        "abstained": False,
        "reasons": [flag.sentence for flag in reasons],
        "labels": None,
        "warnings": [],
        "sampling_frequency": record.sampling_frequency,
        "flags": [asdict(flag) for flag in flags],
        "model": {name: getattr(card, name) for name in origin},
    }


def _warnings(flags: Iterable[Flag]) -> list[str]:
    return [flag.sentence for flag in flags if flag.severity is not Severity.NOTE]


@dataclass(frozen=True)
class Answers:
    """What a model says of a batch of signals, with what their quality allows.

    Parameters
    ----------
    outputs : dict of str to ndarray of float32
        As :meth:`Predictor.run` returns them, NaN in the rows of records abstained from.
    flags : list of list of Flag
        Of each record.
    treatments : list of Treatment
        What was done with each record.
    """

    outputs: dict[str, np.ndarray]
    flags: list[list[Flag]]
    treatments: list[Treatment]

    @property
    def abstained(self) -> list[bool]:
        """Whether there is no answer for each record."""
        return [treatment.policy is Policy.ABSTAIN for treatment in self.treatments]


class Predictor:
    """Runs an exported model.

    Parameters
    ----------
    model : str or Path
        An ``.onnx`` file that ECGLens exported.
    threads : int
        Of onnxruntime; one is best for single records, two help from batches of 32 on.

    Raises
    ------
    ModelError
        If the file is missing, is no ONNX model, or was not exported by ECGLens.

    Examples
    --------
    >>> predictor = Predictor("model.onnx")                           # doctest: +SKIP
    >>> prediction = predictor.predict("records100/00000/00001_lr")   # doctest: +SKIP
    """

    def __init__(self, model: str | Path, *, threads: int = 1) -> None:
        path = Path(model)
        if not path.is_file():
            raise ModelError(
                path, "no such file", "an exported model (.onnx)", "Make one with 'make repro'."
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads would take the core from whatever else runs on it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        # onnxruntime's own exceptions share no base but this one.
        except Exception as error:
            raise ModelError(
                path, f"no ONNX model ({type(error).__name__})", "an exported model (.onnx)"
            ) from error
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        outputs = {o.name for o in self._session.get_outputs()}
        card = None if text is None else ModelCard.from_json(text, path)
        wanted = PLAIN_OUTPUTS if card is None else card.outputs
        if card is None or not outputs.issuperset(wanted):
            raise ModelError(
                path,
                f"outputs {', '.join(sorted(outputs))} and {'a' if card else 'no'} card of ECGLens",
                f"outputs {', '.join(wanted)} and the card that the export stage writes",
            )
        self.path, self.card = path, card
        self._input = self._session.get_inputs()[0].name

    def run(self, signals: np.ndarray) -> dict[str, np.ndarray]:
        """Run the graph on a batch.

        Parameters
        ----------
        signals : ndarray, shape (batch, samples, 12)
            Raw millivolts at the model's rate; NaN where a sample is missing.

        Returns
        -------
        dict of str to ndarray of float32
            ``probability``, ``logit`` (batch, labels) and, of a model that is additive, ``bias``
            (batch, labels) and ``attribution`` (batch, samples, 12 or 1, labels).

        Raises
        ------
        RecordError
            If the shape does not fit or a value is infinite.
        """
        signals = self._checked(signals)
        names = self.card.outputs
        return dict(zip(names, self._session.run(names, {self._input: signals}), strict=True))

    def answer(self, signals: np.ndarray, *, policy: str | Iterable[str] = ()) -> Answers:
        """Answer for those records of a batch whose quality allows it.

        Parameters
        ----------
        signals : ndarray, shape (batch, samples, 12)
            As :meth:`run` takes them.
        policy : str or iterable of str
            As :meth:`predict` takes it.

        Raises
        ------
        RecordError
            If the shape does not fit or a value is infinite.
        ParameterError
            If the policy is not known.
        """
        signals, rules = self._checked(signals), self.rules(policy)
        flags = flags_of(measures(signals, self.card.sampling_frequency))
        treatments = [treat(found, rules) for found in flags]
        masked = np.array([t.masked for t in treatments], bool).reshape(-1, 1, len(LEADS))
        abstained = np.array([t.policy is Policy.ABSTAIN for t in treatments], bool)
        # What is abstained from is run as missing throughout, for a graph takes no empty batch.
        outputs = self.run(np.where(masked | abstained[:, None, None], np.float32(np.nan), signals))
        for values in outputs.values():
            values[abstained] = np.nan
        return Answers(outputs, flags, treatments)

    def rules(self, policy: str | Iterable[str] = ()) -> dict[str, Policy]:
        """Return what is done about quality: what ``policy`` says, else what the model says."""
        words = [policy] if isinstance(policy, str) else list(policy)
        basis = as_prepared(self.card.quality)
        return prediction_rules(words, basis) if words else basis

    def _checked(self, signals: np.ndarray) -> np.ndarray:
        signals = np.asarray(signals, np.float32)
        expected = (self.card.samples, len(LEADS))
        if signals.ndim != 3 or signals.shape[1:] != expected or not len(signals):
            raise RecordError(
                "signals", f"an array of shape {signals.shape}", f"(batch, {expected[0]}, 12)"
            )
        if np.isinf(signals).any():
            raise RecordError("signals", "infinite values", "millivolts, or NaN where missing")
        return signals

    def predict(
        self, record: Record | str | Path, *, policy: str | Iterable[str] = ()
    ) -> Prediction:
        """Predict one record.

        Parameters
        ----------
        record : Record, str or Path
            A record, or the path of a file in any format that :mod:`ecglens.formats` reads.
        policy : str or iterable of str
            What is done with a record that has flags: "keep", "mask_lead" or "abstain", for missing
            samples and flat leads, or "noise=mask_lead", "warning=abstain" for a kind of flag or a
            severity. Otherwise as the model's records were prepared, and missing samples and flat
            leads are abstained from.

        Returns
        -------
        Prediction

        Raises
        ------
        AbstainedError
            If the policy allows no prediction; it holds the flags.
        RecordError
            If the record cannot be read, or has another length than the model takes, or another
            rate where the model refuses that.
        ParameterError
            If the policy is not known.
        """
        rules = self.rules(policy)
        if not isinstance(record, Record):
            record = formats.read(record)
        flags = assess(record)
        masked = treat(flags, rules).masked_leads
        record = apply_policy(record, flags, rules)
        warnings = _warnings(flags)
        if masked:
            warnings.append(f"taken as missing: lead {', '.join(masked)} (policy mask_lead)")
        record, resampled = self._fit(record)
        result = self.run(record.signal[None])
        first = {name: values[0] for name, values in result.items()}
        warnings += [*self.card.warnings, *resampled]
        return Prediction(record, self.card, **first, warnings=tuple(warnings), flags=tuple(flags))

    def _fit(self, record: Record) -> tuple[Record, list[str]]:
        """Return the record at the model's rate and length, and what had to be done for it."""
        rate, notes = self.card.sampling_frequency, []
        seconds = self.card.samples / rate
        source = record.source or record.name
        if abs(len(record.signal) * rate / record.sampling_frequency - self.card.samples) >= 1:
            raise RecordError(
                source,
                f"{record.duration:g} s",
                f"{seconds:g} s, as the model was trained on",
                "Cut the record to that length.",
            )
        if record.sampling_frequency != rate:
            found = f"{record.sampling_frequency:g} Hz"
            if self.card.other_rates != "resample":
                raise RecordError(source, found, f"{rate} Hz, the model's rate")
            notes.append(f"resampled from {found} to {rate} Hz")
            record = record.resampled(rate)
        if len(record.signal) != self.card.samples:
            signal = record.signal[: self.card.samples]
            record = Record(signal, rate, record.name, record.source)
        return record, notes
