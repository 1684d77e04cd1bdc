"""Fine-tuning: a fit that begins with the weights of a trained model, perhaps under a new head."""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from ecglens.errors import ModelError, ParameterError
from ecglens.models import load_model
from ecglens.models.ensemble import OfLabels


def head_places(build: Callable[..., keras.Model], samples: int, labels: int) -> set[int]:
    """Return which of a model's weights belong to its head: those whose shape follows the labels.

    Parameters
    ----------
    build : callable
        From ``samples`` and ``labels``, by keyword, to a model of the table.
    """
    one, other = (build(samples=samples, labels=labels + more).weights for more in (0, 1))
    return {k for k, (a, b) in enumerate(zip(one, other, strict=True)) if a.shape != b.shape}


def take_weights(model: keras.Model, path: Path, head: set[int], *, new_head: bool) -> None:
    """Give a model the weights of a trained one of the same architecture.

    Parameters
    ----------
    model : keras.Model
        Changed.
    path : Path
        Of a .keras file. Where its network learnt more labels than the file answers, those that it
        answers are taken of the head, or all where the model has all.
    head : set of int
        As :func:`head_places` returns.
    new_head : bool
        Leaves the model's head as it is.

    Raises
    ------
    ModelError
        If the file holds another architecture.
    ParameterError
        If its labels differ and the head is to be kept.
    """
    trained = load_model(path)
    if len(trained.weights) != len(model.weights):
        raise _other_architecture(path, trained, model)
    for place, (weight, begun) in enumerate(zip(model.weights, trained.weights, strict=True)):
        if place in head and new_head:
            continue
        if place in head and weight.shape != begun.shape:
            classes = weight.shape[-1] // model.output["logit"].shape[-1]
            begun = _of_columns(begun, _answered(trained), classes)
        if weight.shape == begun.shape:
            weight.assign(begun)
        elif place in head:
            raise ParameterError(
                "train.head",
                f"kept, but {path} was trained for {begun.shape[-1]} labels",
                f"{weight.shape[-1]} labels",
                "Say train.head=new.",
            )
        else:
            raise _other_architecture(path, trained, model)


def _answered(trained: keras.Model) -> np.ndarray | None:
    """Return which of its network's labels a model answers; None where it answers all."""
    columns = None
    for layer in trained.layers:
        if isinstance(layer, OfLabels):
            chosen = np.array(layer.columns)
            columns = chosen if columns is None else columns[chosen]
    return columns


def _of_columns(weight, columns: np.ndarray | None, classes: int) -> np.ndarray:
    """Return some labels' part of a head's weight, or all of it where it has no such columns."""
    weight = keras.ops.convert_to_numpy(weight)
    labels, rest = divmod(weight.shape[-1], classes)
    if columns is None or rest or columns.max() >= labels:
        return weight
    # Where a label has two classes, those of one class stand side by side.
    by_class = weight.reshape(*weight.shape[:-1], classes, labels)
    return by_class[..., columns].reshape(*weight.shape[:-1], -1)


def _other_architecture(path: Path, trained: keras.Model, model: keras.Model) -> ModelError:
    return ModelError(
        path,
        f"{trained.name} with {trained.count_params():,} weights",
        f"{model.name} with {model.count_params():,}, as params.yaml describes it",
        "Check the model's options, prepare.sampling_frequency and seconds; an ensemble cannot be "
        "begun with.",
    )


@contextmanager
def only_head(network: keras.Model, head: set[int]):
    """Train nothing but the layers of the head meanwhile; normalisations keep their statistics.

    Yields
    ------
    None
    """
    kept = {id(network.weights[place]) for place in head}
    frozen = [
        layer
        for layer in network.layers
        if layer.trainable and not kept & {id(weight) for weight in layer.weights}
    ]
    for layer in frozen:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in frozen:
            layer.trainable = True
