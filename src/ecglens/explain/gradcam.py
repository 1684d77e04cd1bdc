"""Grad-CAM and its relatives, on any layer with a feature map over time.

The weights and maps are never scaled to [0, 1], so an empty map stays empty instead of dividing by
nought, and maps of different records can be compared. On the last features of a network with global
average pooling and a dense head, Grad-CAM of the logit is the positive part of the exact map: the
gradient of every step is w / T, so the map is relu(w · f(t) / T). A test holds the two together.
"""

from typing import TYPE_CHECKING

import numpy as np

from ecglens.errors import ParameterError
from ecglens.explain.evaluator import Evaluator
from ecglens.explain.method import Attribution
from ecglens.record import LEADS

if TYPE_CHECKING:  # imported where it is used, so that an exported model is explained without it
    import keras


def gradcam(evaluator: Evaluator, signals: np.ndarray, *, layer: str | None = None) -> Attribution:
    """Return Grad-CAM (Selvaraju et al. 2017, doi 10.1109/ICCV.2017.74).

    Parameters
    ----------
    layer : str, optional
        By name; the last with a feature map over time without it.
    """
    return _cam(evaluator, signals, layer, _mean_gradient)


def gradcam_plus_plus(
    evaluator: Evaluator, signals: np.ndarray, *, layer: str | None = None
) -> Attribution:
    """Return Grad-CAM++ (Chattopadhay et al. 2018, doi 10.1109/WACV.2018.00097).

    As in the paper, second and third derivatives are those of the value's exponential.
    """
    return _cam(evaluator, signals, layer, _plus_plus)


def guided_gradcam(
    evaluator: Evaluator, signals: np.ndarray, *, layer: str | None = None
) -> Attribution:
    """Return guided backpropagation times Grad-CAM, per lead.

    The product has no unit of its own; it is scaled to the sum of the Grad-CAM, which leaves the
    order of its values within a record as it is.
    """
    from ecglens.explain.guided import guided_model

    evaluator.require_keras()
    cam = gradcam(evaluator, signals, layer=layer)
    guided = evaluator.gradient(signals, guided_model(evaluator.model.model))
    product = guided * cam.values
    strength = np.abs(product).sum(axis=(1, 2), keepdims=True)
    wanted = cam.values.sum(axis=(1, 2), keepdims=True)
    scale = np.divide(wanted, strength, out=np.zeros_like(strength), where=strength > 0)
    return Attribution(product * scale, details=cam.details, notes=cam.notes)


def _cam(evaluator: Evaluator, signals: np.ndarray, layer: str | None, weigh) -> Attribution:
    evaluator.require_keras()
    if layer is None:
        layer = default_layer(evaluator.model.model)
    features, gradients = evaluator.layer_gradient(signals, layer)
    axes = tuple(range(1, features.ndim - 1))
    weights = weigh(features[..., None], gradients, axes)  # (records, 1, …, features, labels)
    coarse = np.maximum((features[..., None] * weights).sum(axis=-2), 0)  # (records, …, labels)
    values = to_samples(coarse, signals.shape[1])
    empty = ~values.any(axis=(1, 2))
    notes = []
    if empty.any():
        labels = (evaluator.model.labels[column] for column in evaluator.columns)
        counted = zip(labels, empty.sum(axis=0), strict=True)
        counts = (f"{count} of {len(empty)} ({label})" for label, count in counted if count)
        notes = [f"nothing at layer {layer} speaks for the label in {', '.join(counts)} records"]
    return Attribution(values, details={"layer": layer, "empty": empty}, notes=tuple(notes))


def _mean_gradient(features, gradients, axes) -> np.ndarray:
    return gradients.mean(axis=axes, keepdims=True)


def _plus_plus(features, gradients, axes) -> np.ndarray:
    squared = gradients.astype(np.float64) ** 2
    cubed = squared * gradients
    below = 2 * squared + features.sum(axis=axes, keepdims=True, dtype=np.float64) * cubed
    share = np.divide(squared, below, out=np.zeros_like(squared), where=np.abs(below) > 0)
    return (share * np.maximum(gradients, 0)).sum(axis=axes, keepdims=True)


def default_layer(model: "keras.Model") -> str:
    """Return the last layer with a feature map over time.

    Raises
    ------
    ParameterError
        If the model has none.
    """
    from ecglens.explain.tape import feature_layers

    usable = feature_layers(model)
    if not usable:
        raise ParameterError("layer", f"none with a feature map in {model.name}", "at least one")
    return usable[-1]


def to_samples(coarse: np.ndarray, samples: int) -> np.ndarray:
    """Spread a map of coarse steps over the samples, keeping its sum.

    Parameters
    ----------
    coarse : ndarray, shape (records, steps, labels) or (records, leads, steps, labels)
        Of the two axes between, the one of 12 is the leads' and the other that of time; where
        neither is, the shorter one is summed over.
    samples : int

    Returns
    -------
    ndarray of float32, shape (records, samples, 12 or 1, labels)
    """
    from ecglens.models.additive import spreading_matrix

    if coarse.ndim == 3:
        coarse = coarse[:, :, None]
    elif coarse.shape[1] < coarse.shape[2]:
        coarse = coarse.swapaxes(1, 2)
    if coarse.shape[2] != len(LEADS):
        coarse = coarse.sum(axis=2, keepdims=True)
    weights = spreading_matrix(coarse.shape[1], samples)
    return np.einsum("st,ntlk->nslk", weights, coarse).astype(np.float32)
