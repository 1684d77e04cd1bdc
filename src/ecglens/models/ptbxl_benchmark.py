"""What the networks of the PTB-XL benchmark share: their head.

Strodthoff et al. 2021, IEEE JBHI, doi 10.1109/JBHI.2020.3022989, public repository
helme/ecg_ptbxl_benchmarking.
"""

import keras

from ecglens.models.additive import plain_outputs

MOMENTUM, EPSILON = 0.9, 1e-5  # of BatchNorm, as PyTorch has them


def norm(x, *, name: str):
    """BatchNorm as in PyTorch."""
    return keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=name)(x)


def concat_pool_head(x, labels: int, *, hidden: int, dropout: float):
    """Maximum and mean over time, then a hidden layer: not additive.

    Half of the drop-out stands before the hidden layer, all of it before the last, as fastai has
    it.
    """
    largest = keras.layers.GlobalMaxPooling1D(name="pool_max")(x)
    mean = keras.layers.GlobalAveragePooling1D(name="pool_mean")(x)
    x = keras.layers.Concatenate(name="pool")([largest, mean])
    x = norm(x, name="head_norm_1")
    x = keras.layers.Dropout(dropout / 2, name="head_dropout_1")(x)
    x = keras.layers.Dense(
        hidden, activation="relu", kernel_initializer="he_normal", name="hidden"
    )(x)
    x = norm(x, name="head_norm_2")
    x = keras.layers.Dropout(dropout, name="head_dropout_2")(x)
    return plain_outputs(x, labels)
