"""The mean of several networks. The mean of additive models is additive."""

from collections.abc import Sequence

import keras
from keras import ops

from ecglens.errors import ModelError
from ecglens.models.additive import PARTS, parts_of


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
