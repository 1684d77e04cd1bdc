"""Our additive network that keeps the leads apart: each logit is a sum over time and lead.

Every lead goes through the same convolutions by itself, so what a step of a lead gives to a logit
comes from that lead's signal around it. Only weights in (0, 1) of the channels, one set a lead,
come from the means of all leads (squeeze-and-excitation, Hu et al. 2018, doi
10.1109/CVPR.2018.00745): the other leads say how much a feature counts, not what it is. The head
has weights of its own for each lead. ``benchmarks/results/own_model.md`` says what keeping the
leads apart costs in AUROC.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.models.additive_resnet import MOMENTUM, squeeze_and_excite
from ecglens.models.options import paired
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, filters=(16, 16, 32, 64), kernels=(11, 7, 7, 7),
    dropout: float = 0.1, **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the network; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    filters, kernels : sequence of int
        Of the convolutions; time is halved between them.
    dropout : float
        Of the features before the head.
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.

    Raises
    ------
    ParameterError
        If filters and kernels are not alike in number.
    """
    trunk = paired("additive_leads", filters=filters, kernels=kernels)
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, **conditioning)
    x = keras.layers.Reshape((x.shape[1], len(LEADS), 1), name="leads")(x)
    for number, (width, size) in enumerate(trunk, start=1):
        if number > 1:
            x = keras.layers.MaxPooling2D((2, 1), padding="same", name=f"pool_{number - 1}")(x)
        # A kernel one lead wide: the same weights for each lead, and nothing of the others.
        x = keras.layers.Conv2D(
            width, (size, 1), padding="same", use_bias=False, kernel_initializer="he_normal",
            name=f"trunk_{number}",
        )(x)  # fmt: skip
        x = _normalised_and_weighed(x, weighed=number > 1, name=f"trunk_{number}")
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = AdditiveHead(labels, samples, by_lead=True, name="head")(x)
    return keras.Model(inputs, outputs, name="additive_leads")


def _normalised_and_weighed(x, *, weighed: bool, name: str):
    """Normalise, activate and weigh, with each lead's channels side by side as one's own."""
    _, steps, leads, width = x.shape
    x = keras.layers.Reshape((steps, leads * width), name=f"{name}_join")(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x)
    x = keras.layers.LeakyReLU(0.1, name=f"{name}_relu")(x)
    if weighed:
        x = squeeze_and_excite(x, hidden=2 * width, name=name)
    return keras.layers.Reshape((steps, leads, width), name=f"{name}_part")(x)
