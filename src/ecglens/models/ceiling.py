"""A ceiling for each feature, where most records of the training set stay below."""

import keras
from keras import ops

OPEN = 1e9  # above any feature: until a fit has ended, nothing is cut off


@keras.saving.register_keras_serializable("ecglens")
class Ceiling(keras.layers.Layer):
    """Cuts features off where they are larger than most training records make them.

    A deep network without averaged weights answers a record in a hundred with features hundreds of
    times those of all others: BatchNorm held them down while it saw their batch, and does not once
    its statistics are fixed. Such a record's logits, and its shares in them, would be in the
    thousands. The ceilings are set after the fit by :func:`ecglens.training.ceilings.set_ceilings`.

    Parameters
    ----------
    share : float
        Of the training records that never reach a feature's ceiling; 1: there is none.
    """

    def __init__(self, share: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.share = share

    def build(self, input_shape) -> None:
        highest = keras.initializers.Constant(OPEN)
        shape = (input_shape[-1],)
        self.ceiling = self.add_weight(
            shape=shape, initializer=highest, trainable=False, name="ceiling"
        )

    def call(self, features):
        return ops.minimum(features, self.ceiling)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "share": self.share}
