"""A model with the names of its labels and its rate: what every explanation starts from."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ecglens.errors import LabelError, ModelError, ParameterError, did_you_mean
from ecglens.inference import Predictor

if TYPE_CHECKING:  # an exported model is explained without Keras
    import keras

FLAT_OUTPUTS = ("probability", "logit")
ADDITIVE_OUTPUTS = ("attribution", "bias")


@dataclass(frozen=True)
class NamedModel:
    """A trained model and what its input and outputs mean.

    Parameters
    ----------
    model : keras.Model or Predictor
        Of the table of models, or exported. Gradients need the Keras model.
    labels : tuple of str
        Names of its outputs, in order.
    sampling_frequency : float
        Of its input, Hz.

    Raises
    ------
    ModelError
        If the model gives no logit and probability, or not one a label.
    """

    model: "keras.Model | Predictor"
    labels: tuple[str, ...]
    sampling_frequency: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        if self.is_onnx:
            return
        missing = [name for name in FLAT_OUTPUTS if name not in self.outputs]
        if missing:
            raise ModelError(
                self.name, f"no output {', '.join(missing)}", "logit and probability by these names"
            )
        given = self.model.output["logit"].shape[-1]
        if given != len(self.labels):
            raise ModelError(
                self.name, f"{given} outputs for {len(self.labels)} labels", "one name an output"
            )

    @classmethod
    def of(cls, model: "NamedModel | Predictor") -> "NamedModel":
        """Return an exported model, which names itself, or a named one as it is.

        Raises
        ------
        ModelError
            If it is a bare Keras model.
        """
        if isinstance(model, NamedModel):
            return model
        if isinstance(model, Predictor):
            return cls(model, model.card.labels, model.card.sampling_frequency)
        raise ModelError(
            getattr(model, "name", "model"),
            f"a {type(model).__name__}, which does not say its labels and rate",
            "a NamedModel or a Predictor",
            "Write NamedModel(model, labels, sampling_frequency).",
        )

    @property
    def is_onnx(self) -> bool:
        """Whether it is an exported model, which has no gradients."""
        return isinstance(self.model, Predictor)

    @property
    def name(self) -> str:
        """The architecture's."""
        return self.model.card.model if self.is_onnx else self.model.name

    @property
    def samples(self) -> int:
        """Length of its input."""
        return self.model.card.samples if self.is_onnx else self.model.input_shape[1]

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the model gives."""
        if self.is_onnx:
            return self.model.card.outputs
        given = self.model.output
        return tuple(given) if isinstance(given, dict) else ()

    @property
    def additive(self) -> bool:
        """Whether an exact attribution is among its outputs."""
        return set(ADDITIVE_OUTPUTS) <= set(self.outputs)

    def columns(self, labels: "str | list[str] | tuple[str, ...] | None") -> list[int]:
        """Return the places of labels among the outputs; of all where none is named.

        Raises
        ------
        LabelError
            If a label is not among them.
        ParameterError
            If no label is left to explain.
        """
        wanted = [labels] if isinstance(labels, str) else labels
        wanted = self.labels if wanted is None else wanted
        for label in wanted:
            if label not in self.labels:
                known = did_you_mean(label, self.labels)
                raise LabelError(self.name, f"no label {label!r}", "one of its labels", known)
        if not len(wanted):
            known = did_you_mean("", self.labels)
            raise ParameterError("labels", "an empty list", "at least one label", known)
        return [self.labels.index(label) for label in wanted]

    def run(self, signals: np.ndarray, *, maps: bool = False) -> dict[str, np.ndarray]:
        """Ask the model about a batch.

        Parameters
        ----------
        signals : ndarray of float32, shape (batch, samples, 12)
            mV.
        maps : bool
            Whether the attribution and its bias are wanted too.

        Returns
        -------
        dict of str to ndarray of float32
            ``logit``, ``probability`` (batch, labels), and with ``maps`` ``attribution``, ``bias``.
        """
        if self.is_onnx:
            return self.model.run(signals)
        answer = self._with_maps if maps else self._without_maps
        return {name: np.asarray(v) for name, v in answer.predict_on_batch(signals).items()}

    @cached_property
    def _without_maps(self) -> "keras.Model":
        return self._giving(FLAT_OUTPUTS)

    @cached_property
    def _with_maps(self) -> "keras.Model":
        return self._giving((*FLAT_OUTPUTS, *ADDITIVE_OUTPUTS))

    def _giving(self, names: tuple[str, ...]) -> "keras.Model":
        import keras

        return keras.Model(self.model.input, {name: self.model.output[name] for name in names})
