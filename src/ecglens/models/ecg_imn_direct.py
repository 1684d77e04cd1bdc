"""ECG-IMN, direct: one dense layer on pooled features writes all weights of the linear model.

arXiv 2602.09566, public repository vlbthambawita/mesomorphic_ecg ("IMN direct", "simple"), where it
is an ablation: what varies in W from record to record passes through 64 numbers, and the dense
layer grows with the record's length (780,065 parameters a label at 1000 × 12, as many again for
each class). Drop-out takes pooled features, as published, not single numbers of the feature map: it
stands before the pooling and takes whole channels, which is the same. Differences, on purpose: a
sigmoid a label in place of a softmax over two classes; the rest as in
:mod:`ecglens.models.ecg_imn`.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.lead_image import LocalLinearModel, encode
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, filters=(16, 32, 64), kernel: int = 15, dropout: float = 0.2,
    l1: float = 1e-4, scaling: str = "zscore", **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the direct ECG-IMN; parameters as :func:`ecglens.models.ecg_imn.build`."""
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, scaling=scaling, **conditioning)
    features = encode(x, filters=filters, kernel=kernel, dropout=dropout, whole_channels=True)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    steps = x.shape[1]
    flat = keras.layers.Dense(steps * len(LEADS) * labels, name="weights")(pooled)
    weights = keras.layers.Reshape((steps, len(LEADS), labels), name="shape")(flat)
    bias = keras.layers.Dense(labels, name="bias")(pooled)
    outputs = LocalLinearModel(l1=l1, name="head")([weights, x, bias])
    return keras.Model(inputs, outputs, name="ecg_imn_direct")
