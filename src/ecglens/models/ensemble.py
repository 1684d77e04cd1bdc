"""The mean of several networks of one architecture. The mean of additive models is additive."""

from collections.abc import Sequence

import keras
from keras import ops


def mean_of(members: Sequence[keras.Model], name: str) -> keras.Model:
    """Return a model whose logit, bias and attribution are the means of its members'.

    Parameters
    ----------
    members : sequence of keras.Model
        Of the table, for one input and the same labels.
    name : str
        Of the model.
    """
    inputs = keras.Input(members[0].input.shape[1:], name="millivolts")
    parts = []
    for number, member in enumerate(members, start=1):
        named = keras.Model(member.input, member.output, name=f"member_{number}")
        outputs = named(inputs)
        parts.append([outputs[name] for name in ("logit", "bias", "attribution")])
    return keras.Model(inputs, MeanOfMembers(name="mean")(parts), name=name)


@keras.saving.register_keras_serializable("ecglens")
class MeanOfMembers(keras.layers.Layer):
    """Average the logits, biases and attributions of a list of members."""

    def call(self, members):
        logit, bias, attribution = (
            sum(parts[1:], start=parts[0]) / len(parts) for parts in zip(*members, strict=True)
        )
        return {
            "probability": ops.sigmoid(logit),
            "logit": logit,
            "attribution": attribution,
            "bias": bias,
        }

    def compute_output_shape(self, input_shape):
        flat, _, attribution = input_shape[0]
        return {"probability": flat, "logit": flat, "attribution": attribution, "bias": flat}
