"""The mean of several networks. The mean of additive models is additive."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import ops

from ecglens.errors import ModelError
from ecglens.models.additive import PARTS, parts_of


@dataclass(frozen=True)
class Joined:
    """A trained model that becomes part of a mean.

    Parameters
    ----------
    file : Path
        Of the model, as Keras saves it.
    columns : tuple of int, optional
        Of its labels, those of the mean in the mean's order; without it, they are the same.
    """

    file: Path
    columns: tuple[int, ...] | None = None


def mean_of(members: Sequence[keras.Model], name: str) -> keras.Model:
    """Return a model whose outputs are the means of its members': additive where they are.

    Parameters
    ----------
    members : sequence of keras.Model
        Of the table, for one input and the same labels.
    name : str
        Of the model.

    Raises
    ------
    ModelError
        If their inputs, labels or attributions are of other shapes, or not all are additive.
    """
    shape = _shape(members[0])
    for member in members[1:]:
        if _shape(member) != shape:
            raise ModelError(
                member.name, f"{_shape(member)} beside {members[0].name}",
                f"the same shapes in each network of a mean: {shape}",
            )  # fmt: skip
    inputs = keras.Input(members[0].input.shape[1:], name="millivolts")
    parts = []
    for number, member in enumerate(members, start=1):
        named = keras.Model(member.input, member.output, name=f"member_{number}")
        parts.append(parts_of(named(inputs)))
    return keras.Model(inputs, MeanOfMembers(name="mean")(parts), name=name)


def members_of(model: keras.Model) -> list[keras.Model]:
    """Return the networks of a mean; a model that is none is its only one."""
    if not any(isinstance(layer, MeanOfMembers) for layer in model.layers):
        return [model]
    return [layer for layer in model.layers if isinstance(layer, keras.Model)]


def of_labels(model: keras.Model, columns: Sequence[int]) -> keras.Model:
    """Return a model that answers some of a model's labels, with their attribution, as it does.

    Parameters
    ----------
    model : keras.Model
        Of the table.
    columns : sequence of int
        Places of the labels among the model's.

    Raises
    ------
    ModelError
        If the model has fewer labels.
    """
    labels = model.output["logit"].shape[-1]
    if max(columns) >= labels:
        raise ModelError(
            model.name, f"{labels} labels", f"at least {max(columns) + 1}",
            "The table of labels has changed since it was trained: train it anew.",
        )  # fmt: skip
    taken = sum(isinstance(layer, OfLabels) for layer in model.layers)
    name = f"of_labels_{taken + 1}" if taken else "of_labels"
    return keras.Model(model.input, OfLabels(columns, name=name)(model.output), name=model.name)


def _shape(model: keras.Model) -> str:
    shapes = (part.shape[1:] for part in parts_of(model.output))
    outputs = dict(zip(PARTS, shapes, strict=False))
    return f"{model.input.shape[1:]} to {outputs}"


@keras.saving.register_keras_serializable("ecglens")
class MeanOfMembers(keras.layers.Layer):
    """Average what a list of members gives, as :func:`ecglens.models.additive.parts_of` says."""

    def call(self, members):
        means = (
            sum(parts[1:], start=parts[0]) / len(parts) for parts in zip(*members, strict=True)
        )
        named = dict(zip(PARTS, means, strict=False))
        return {"probability": ops.sigmoid(named["logit"]), **named}

    def compute_output_shape(self, input_shape):
        named = dict(zip(PARTS, input_shape[0], strict=False))
        return {"probability": named["logit"], **named}


@keras.saving.register_keras_serializable("ecglens")
class OfLabels(keras.layers.Layer):
    """Take some labels of each part of what a model puts out.

    Parameters
    ----------
    columns : sequence of int
    """

    def __init__(self, columns: Sequence[int], **kwargs) -> None:
        super().__init__(**kwargs)
        self.columns = tuple(columns)

    def call(self, outputs):
        return {name: ops.take(part, self.columns, axis=-1) for name, part in outputs.items()}

    def compute_output_shape(self, input_shape):
        width = len(self.columns)
        return {name: (*shape[:-1], width) for name, shape in input_shape.items()}

    def get_config(self):
        return {**super().get_config(), "columns": self.columns}
