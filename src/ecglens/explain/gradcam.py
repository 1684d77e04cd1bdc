"""Grad-CAM and its relatives, on any layer with a feature map over time.

The weights and maps are never scaled to [0, 1], so an empty map stays empty instead of dividing by
nought, and maps of different records can be compared. On the last features of a network with global
average pooling and a dense head, Grad-CAM of the logit is the positive part of the exact map: the
gradient of every step is w / T, so the map is relu(w · f(t) / T). A test holds the two together.

The logit of a mean of networks is the mean of theirs, and a Grad-CAM before its rectifier is linear
in the gradient. So the map of a mean is the rectified mean of its networks' maps before rectifying:
what one network takes away, another cannot leave standing. Networks of as many steps meet on these,
as features of one network would, others on the samples. The map of a network that reads a record as
the mean of crops is, likewise, the rectified mean of its crops' maps, each where its crop lies.
"""

import numpy as np

from ecglens.explain.evaluator import Evaluator
from ecglens.explain.method import Attribution
from ecglens.record import LEADS


def gradcam(evaluator: Evaluator, signals: np.ndarray, *, layer: str | None = None) -> Attribution:
    """Return Grad-CAM (Selvaraju et al. 2017, doi 10.1109/ICCV.2017.74).

    Parameters
    ----------
    layer : str, optional
        By name, one that every network of a mean has; without it the last with a feature map over
        time, of each network its own.
    """
    return _cam(evaluator, signals, layer, _mean_gradient)


def gradcam_plus_plus(
    evaluator: Evaluator, signals: np.ndarray, *, layer: str | None = None
) -> Attribution:
    """Return Grad-CAM++ (Chattopadhay et al. 2018, doi 10.1109/WACV.2018.00097).

    As in the paper, second and third derivatives are those of the value's exponential. The weights
    are not linear in the gradient: in a mean, each network and each crop is weighed as if it stood
    alone, and then the maps are averaged as Grad-CAM's, so that equal networks have the map of one.
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
    from ecglens.explain.networks import choose_layers, networks_of  # an exported model needs none

    networks = networks_of(evaluator.model.model)
    layers = choose_layers(evaluator.model.model, layer)
    maps = []
    found = evaluator.layer_gradients(signals, layers)
    for network, (features, gradients) in zip(networks, found, strict=True):
        features, gradients = features[..., None], gradients / network.slope  # as if it were alone
        axes = tuple(range(1, features.ndim - 2))
        weights = weigh(features, gradients, axes)  # (records, 1, …, features, labels)
        maps.append((features * weights).sum(axis=-2))  # (records, …, labels)
    values = rectified_mean(networks, maps, signals.shape[1])
    name = ", ".join(dict.fromkeys(layers))
    empty = ~values.any(axis=(1, 2))
    notes = []
    if empty.any():
        labels = (evaluator.model.labels[column] for column in evaluator.columns)
        counted = zip(labels, empty.sum(axis=0), strict=True)
        counts = (f"{count} of {len(empty)} ({label})" for label, count in counted if count)
        notes = [f"nothing at layer {name} speaks for the label in {', '.join(counts)} records"]
    return Attribution(values, details={"layer": name, "empty": empty}, notes=tuple(notes))


def rectified_mean(networks: list, maps: list[np.ndarray], samples: int) -> np.ndarray:
    """Return the positive part of the mean of the networks' maps, over the samples.

    Parameters
    ----------
    networks : list of ecglens.explain.networks.Network
    maps : list of ndarray
        One a network, as :func:`to_samples` takes it; of each record's crops where it reads crops.
    samples : int
        Of a record.

    Returns
    -------
    ndarray of float32, shape (records, samples, 12 or 1, labels)
    """
    weights = [network.weight for network in networks]
    alike = len({coarse.shape for coarse in maps}) == 1
    if alike and not any(network.starts for network in networks):
        # On the steps that they share, as one network's: rectified before it is spread.
        return to_samples(np.maximum(_weighted_sum(maps, weights), 0), samples)
    fine = [
        _from_crops(coarse, network.model.input_shape[1], network.starts, samples)
        if network.starts
        else to_samples(coarse, samples)
        for network, coarse in zip(networks, maps, strict=True)
    ]
    if len({values.shape[2] for values in fine}) > 1:  # some tell the leads apart, and some do not
        fine = [values.sum(axis=2, keepdims=True) for values in fine]
    return np.maximum(_weighted_sum(fine, weights), 0)


def _weighted_sum(maps: list[np.ndarray], weights: list[float]) -> np.ndarray:
    return sum(weight * values for weight, values in zip(weights, maps, strict=True))


def _from_crops(coarse: np.ndarray, crop: int, starts: tuple[int, ...], samples: int) -> np.ndarray:
    """Lay the mean of the crops' maps (records · crops, …, labels) where the crops are."""
    fine = to_samples(coarse, crop)
    fine = fine.reshape(-1, len(starts), *fine.shape[1:]) / len(starts)
    values = np.zeros((len(fine), samples, *fine.shape[3:]), np.float32)
    for number, start in enumerate(starts):
        values[:, start : start + crop] += fine[:, number]
    return values


def _mean_gradient(features, gradients, axes) -> np.ndarray:
    return gradients.mean(axis=axes, keepdims=True)


def _plus_plus(features, gradients, axes) -> np.ndarray:
    squared = gradients.astype(np.float64) ** 2
    cubed = squared * gradients
    below = 2 * squared + features.sum(axis=axes, keepdims=True, dtype=np.float64) * cubed
    share = np.divide(squared, below, out=np.zeros_like(squared), where=np.abs(below) > 0)
    return (share * np.maximum(gradients, 0)).sum(axis=axes, keepdims=True)


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
