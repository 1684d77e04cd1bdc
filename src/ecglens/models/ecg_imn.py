"""ECG-IMN, single-linear: a network that writes, for each record, a linear model of that record.

arXiv 2602.09566, public repository vlbthambawita/mesomorphic_ecg. 139,490 trainable parameters at
one label, whatever the length. Differences, on purpose: any number of labels, each with a sigmoid;
any length, see :mod:`ecglens.models.lead_image`; a deviation below 1e-4 mV counts as flat.
"""

import keras

from ecglens.conditioning import condition
from ecglens.errors import ParameterError
from ecglens.models.lead_image import LocalLinearModel, encode, generate_weights
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, filters=(16, 32, 64), kernel: int = 15, widths=(32, 16),
    dropout: float = 0.2, l1: float = 1e-4, classes: int = 1, name: str = "ecg_imn",
    scaling: str = "zscore", **conditioning,
) -> keras.Model:  # fmt: skip
    """Return ECG-IMN; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    filters : sequence of int
        Of the encoder's convolutions.
    kernel : int
        Samples that they span.
    widths : sequence of int
        Filters of the decoder's stages, one for each halving of time in the encoder: one fewer than
        ``filters``.
    dropout : float
    l1 : float
        λ of λ · mean |W|, which is added to the loss.
    classes : {1, 2}
        Linear models a label; see :class:`ecglens.models.lead_image.LocalLinearModel`.
    scaling, **conditioning
        As :func:`ecglens.conditioning.condition` takes them; z-score is the published scaling.

    Raises
    ------
    ParameterError
        If the decoder does not double time as often as the encoder halves it.
    """
    halvings = max(len(filters) - 1, 0)
    # With fewer stages the weights would be too few for the record, with more they would be another
    # moment's: what is cut off is the end.
    if len(widths) != halvings:
        raise ParameterError(
            f"{name}: widths", f"{len(widths)}, {list(widths)}",
            f"{halvings}, one for each of {len(filters)} filters but the first",
        )  # fmt: skip
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, scaling=scaling, **conditioning)
    features = encode(x, filters=filters, kernel=kernel, dropout=dropout)
    weights = generate_weights(features, x.shape[1], classes * labels, widths=widths)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    bias = keras.layers.Dense(classes * labels, name="bias")(pooled)
    return keras.Model(
        inputs, LocalLinearModel(classes, l1, name="head")([weights, x, bias]), name=name
    )
