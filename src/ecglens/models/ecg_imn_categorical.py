"""ECG-IMN, categorical: two linear models a label, for its absence and its presence.

arXiv 2602.09566, public repository vlbthambawita/mesomorphic_ecg. The published loss is the
cross-entropy of a softmax over the two; that is binary cross-entropy of the sigmoid of their
difference, which is the logit here, and so the attribution is exact: (W₁ - W₀) ⊙ x. Everything else
is as in :mod:`ecglens.models.ecg_imn`.
"""

import keras

from ecglens.models import ecg_imn


def build(
    *, samples: int, labels: int, filters=(16, 32, 64), kernel: int = 15, widths=(32, 16),
    dropout: float = 0.2, l1: float = 1e-4, scaling: str = "zscore", **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the categorical ECG-IMN; parameters as :func:`ecglens.models.ecg_imn.build`."""
    return ecg_imn.build(
        samples=samples, labels=labels, filters=filters, kernel=kernel, widths=widths,
        dropout=dropout, l1=l1, scaling=scaling, classes=2, name="ecg_imn_categorical",
        **conditioning,
    )  # fmt: skip
