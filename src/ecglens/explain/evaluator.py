"""Asks a model about variants of records, in batches, and counts what that takes."""

from collections.abc import Callable, Iterable

import numpy as np

from ecglens.errors import ModelError
from ecglens.explain.named_model import NamedModel

BATCH = 64  # signals at a time


class Evaluator:
    """One question to a model: the logit or the probability of some of its labels.

    Parameters
    ----------
    model : NamedModel
    columns : list of int
        Places of the labels among the model's outputs.
    of : {"logit", "probability"}
    batch_size : int
        Signals at a time.
    """

    def __init__(
        self, model: NamedModel, columns: list[int], of: str = "logit", batch_size: int = BATCH
    ) -> None:
        self.model, self.columns, self.of, self.batch_size = model, columns, of, batch_size
        self.forward_passes = self.gradient_passes = 0

    def outputs(self, signals: np.ndarray, *, maps: bool = False) -> dict[str, np.ndarray]:
        """Return the model's outputs for signals (n, samples, 12), the asked labels only."""
        parts = [self.model.run(part, maps=maps) for part in self._batches(signals)]
        self.forward_passes += len(signals)
        names = parts[0]
        return {n: np.concatenate([p[n] for p in parts])[..., self.columns] for n in names}

    def value(self, signals: np.ndarray) -> np.ndarray:
        """Return what is explained, float32 (n, labels), of signals (n, samples, 12)."""
        return self.outputs(signals)[self.of]

    def value_of_variants(
        self, signals: np.ndarray, variants: int, vary: Callable[[np.ndarray, int], np.ndarray]
    ) -> np.ndarray:
        """Return the value of many variants of each record, made as they are needed.

        Parameters
        ----------
        signals : ndarray, shape (records, samples, 12)
        variants : int
            Of each record.
        vary : callable
            Takes all records and a variant's number; returns their variants, shaped as they are.

        Returns
        -------
        ndarray of float32, shape (records, variants, labels)
        """
        answers = np.empty((len(signals), variants, len(self.columns)), np.float32)
        at_once = max(1, self.batch_size // len(signals))
        for start in range(0, variants, at_once):
            numbers = range(start, min(start + at_once, variants))
            batch = np.concatenate([vary(signals, number) for number in numbers])
            value = self.value(batch).reshape(len(numbers), len(signals), -1)
            answers[:, start : start + len(numbers)] = value.swapaxes(0, 1)
        return answers

    def gradient(self, signals: np.ndarray, model=None) -> np.ndarray:
        """Return d value / d millivolt, through the model's own conditioning.

        Parameters
        ----------
        signals : ndarray, shape (n, samples, 12)
        model : keras.Model, optional
            To differentiate in place of the model itself, such as one with guided activations.

        Returns
        -------
        ndarray of float32, shape (n, samples, 12, labels)
            Per mV; 0 where a sample is missing (NaN).
        """
        from ecglens.explain import tape

        self.require_keras()
        gradient_of = tape.input_gradient(model or self.model.model, self.of)
        self.gradient_passes += len(signals) * len(self.columns)
        parts = [
            np.stack([gradient_of(part, column) for column in self.columns], axis=-1)
            for part in self._batches(signals)
        ]
        return np.nan_to_num(np.concatenate(parts))

    def layer_gradients(
        self, signals: np.ndarray, layers: tuple[str, ...]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return of each network a layer's features and d value / d features.

        Parameters
        ----------
        signals : ndarray, shape (n, samples, 12)
        layers : tuple of str
            One a network; see :func:`ecglens.explain.networks.choose_layers`.

        Returns
        -------
        list of (ndarray, ndarray)
            Shapes (n, …) and (n, …, labels), or n times as many as there are crops.
        """
        from ecglens.explain import tape

        self.require_keras()
        gradients_of = tape.layer_gradients(self.model.model, layers, self.of)
        self.gradient_passes += len(signals) * len(self.columns)
        features, gradients = [], []  # a list a batch, of one array a network
        for part in self._batches(signals):
            columns = [gradients_of(part, column) for column in self.columns]
            networks = list(zip(*columns, strict=True))
            features.append([pairs[0][0] for pairs in networks])
            gradients.append([np.stack([g for _, g in pairs], axis=-1) for pairs in networks])
        return [
            (np.concatenate(f), np.concatenate(g))
            for f, g in zip(zip(*features, strict=True), zip(*gradients, strict=True), strict=True)
        ]

    def _batches(self, signals: np.ndarray) -> Iterable[np.ndarray]:
        signals = np.asarray(signals, np.float32)
        for start in range(0, len(signals), self.batch_size):
            yield signals[start : start + self.batch_size]

    def require_keras(self) -> None:
        """Refuse an exported model, which has no gradients."""
        if self.model.is_onnx:
            raise ModelError(
                self.model.model.path,
                "an exported model, which has no gradients",
                "the Keras model for a method that takes gradients",
                "Load it with ecglens.models.load_model, or use 'additive', 'occlusion' or "
                "'shapley'.",
            )
