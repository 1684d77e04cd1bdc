"""ECG-IMN's baseline, a 2-D CNN that its authors explain with Grad-CAM; here it explains itself.

Public repository vlbthambawita/mesomorphic_ecg (baseline of arXiv 2602.09566): ECG-IMN's encoder,
global average pooling, a dense layer. Pooling over time and leads and a dense layer are additive,
so each lead's row of the last feature map has an exact share in the logit. A row has seen up to
three leads to either side in the order of :data:`ecglens.record.LEADS`. The published drop-out of
the pooled features stands before the pooling, as drop-out of whole channels, which is the same.
Differences, on purpose: a sigmoid a label in place of a softmax over two classes; otherwise as in
:mod:`ecglens.models.lead_image`.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.models.lead_image import encode
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, filters=(16, 32, 64), kernel: int = 15, dropout: float = 0.2,
    scaling: str = "zscore", **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the 2-D CNN; parameters as :func:`ecglens.models.ecg_imn.build`."""
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, scaling=scaling, **conditioning)
    features = encode(x, filters=filters, kernel=kernel, dropout=dropout, whole_channels=True)
    return keras.Model(
        inputs, AdditiveHead(labels, samples, name="head")(features), name="cnn2d_gradcam"
    )
