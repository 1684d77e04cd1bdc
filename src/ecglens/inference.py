"""Predictions with their explanation from one ONNX file; numpy and onnxruntime, nothing else.

The file describes itself: what it takes, its labels and thresholds, and what it was made from.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from ecglens import formats
from ecglens.errors import LabelError, ModelError, ParameterError, RecordError, did_you_mean
from ecglens.quality import Flag, Policy, apply_policy, assess
from ecglens.record import LEADS, Record

PLAIN_OUTPUTS = ("probability", "logit")  # of every model
OUTPUTS = (*PLAIN_OUTPUTS, "attribution", "bias")  # of a model that is additive
METADATA_KEY = "ecglens"  # one JSON object under this key in the file's metadata
WARNING_SIMULATED = "the model was trained on simulated records only: not for patients"
WARNING_NOT_ADDITIVE = (
    "the model is not additive: no exact explanation comes with it. Methods that look at it from "
    "outside (occlusion, gradients, Grad-CAM) estimate one, and their sum is not the logit"
)


@dataclass(frozen=True)
class ModelCard:
    """What an exported model says of itself.

    Parameters
    ----------
    task, model, dataset : str
        What was asked, which architecture answered, which data taught it.
    labels : tuple of str
    thresholds : tuple of float
        Probability from which a label is given, chosen on the validation fold.
    sampling_frequency : int
        Hz.
    samples : int
        Length of the input.
    leads : tuple of str
        In the order of the input's columns.
    units : str
        Of the input, "mV".
    other_rates : str
        "resample" or "refuse": what is done with a record at another rate.
    run_id : str
        The MLflow run that trained it.
    data_version : str
        DVC's hash of the prepared arrays.
    git_commit : str
        Of the code; ends in "-dirty" if it had uncommitted changes.
    created : str
        UTC time of the export.
    additive : bool
        Whether the file explains each logit exactly; one that does not has no attribution, no bias.
    """

    task: str
    model: str
    dataset: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    sampling_frequency: int
    samples: int
    leads: tuple[str, ...]
    units: str
    other_rates: str
    run_id: str
    data_version: str
    git_commit: str
    created: str
    additive: bool = True

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the file puts out, by name."""
        return OUTPUTS if self.additive else PLAIN_OUTPUTS

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of any of its predictions must know."""
        simulated = [WARNING_SIMULATED] if self.dataset == "simulated" else []
        return (*simulated, *([] if self.additive else [WARNING_NOT_ADDITIVE]))

    @classmethod
    def from_json(cls, text: str, source: object) -> "ModelCard":
        """Read a card.

        Raises
        ------
        ModelError
            If it is no JSON, a field is missing, or the input is not what this version of ECGLens
            feeds.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError:
            raise ModelError(source, "metadata that is not JSON", "a card of ECGLens") from None
        fields = cls.__dataclass_fields__
        # Files of before there were models that are not additive do not say that they are.
        missing = [name for name in fields if name not in content and name != "additive"]
        if missing:
            raise ModelError(source, f"no {', '.join(missing)} in its metadata", "a full card")
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content.items()
            if name in fields
        }
        card = cls(**values)
        if card.leads != LEADS or card.units != "mV":
            raise ModelError(source, f"leads {card.leads} in {card.units}", f"{LEADS} in mV")
        return card

    def to_json(self) -> str:
        """Return the card as one JSON object."""
        return json.dumps(self.__dict__)

    def column(self, label: str) -> int:
        """Return a label's place among the outputs.

        Raises
        ------
        LabelError
            If the model has no such label.
        """
        if label not in self.labels:
            mend = did_you_mean(label, self.labels)
            raise LabelError(self.model, f"no label {label!r}", "one of its labels", mend)
        return self.labels.index(label)


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
        What a reader must know before trusting it; the flags' sentences among it.
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
        origin = ("task", "model", "dataset", "run_id", "data_version", "git_commit", "additive")
        return {
            "record": self.record.name,
            "source": self.record.source,
            "sampling_frequency": self.record.sampling_frequency,
            "labels": rows,
            "warnings": list(self.warnings),
            "flags": [asdict(flag) for flag in self.flags],
            "model": {name: getattr(self.card, name) for name in origin},
        }


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
        signals = np.asarray(signals, np.float32)
        expected = (self.card.samples, len(LEADS))
        if signals.ndim != 3 or signals.shape[1:] != expected:
            raise RecordError(
                "signals", f"an array of shape {signals.shape}", f"(batch, {expected[0]}, 12)"
            )
        if np.isinf(signals).any():
            raise RecordError("signals", "infinite values", "millivolts, or NaN where missing")
        names = self.card.outputs
        return dict(zip(names, self._session.run(names, {self._input: signals}), strict=True))

    def predict(
        self,
        record: Record | str | Path,
        *,
        policy: Policy = Policy.ABSTAIN,
        allow_defects: bool = False,
    ) -> Prediction:
        """Predict one record.

        Parameters
        ----------
        record : Record, str or Path
            A record, or the path of a file in any format that :mod:`ecglens.formats` reads.
        policy : Policy
            What is done about missing samples and flat leads: "abstain" refuses the record, "keep"
            takes it as it is, "mask_lead" leaves the lead out. Every flag is a warning.
        allow_defects : bool
            Short for the policy "keep".

        Returns
        -------
        Prediction

        Raises
        ------
        RecordError
            If the record cannot be read, has another length than the model takes, another rate
            where the model refuses that, or defects that are not allowed.
        ParameterError
            If the policy is not one of these.
        """
        if not isinstance(record, Record):
            record = formats.read(record)
        flags = assess(record)
        record = apply_policy(record, flags, Policy.KEEP if allow_defects else policy)
        if record is None:
            raise ParameterError("policy", "'drop'", "keep, mask_lead or abstain for a prediction")
        warnings = [flag.sentence for flag in flags]
        record, resampled = self._fit(record)
        warnings += self.card.warnings
        result = self.run(record.signal[None])
        first = {name: values[0] for name, values in result.items()}
        return Prediction(
            record, self.card, **first, warnings=(*warnings, *resampled), flags=tuple(flags)
        )

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
