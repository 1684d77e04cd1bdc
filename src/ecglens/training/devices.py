"""Several devices that share each batch, by a parameter."""

from contextlib import contextmanager

import keras
import tensorflow as tf

from ecglens.errors import ParameterError


@contextmanager
def devices(count: int):
    """Build and fit models on so many devices of the Keras backend; on one, leave things alone.

    TensorFlow mirrors the weights (``tf.distribute.MirroredStrategy``), JAX shards the batch
    (``keras.distribution.DataParallel``). What is built and fitted must stand inside. What a model
    answers is asked outside, where one device does it whatever the number of records; inside, each
    batch must divide by the devices, as those of :func:`ecglens.training.data.ordered_batches` do.

    Raises
    ------
    ParameterError
        If there are fewer, or the backend is another.
    """
    if count == 1:
        yield
        return
    backend = keras.backend.backend()
    if backend == "tensorflow":
        with tf.distribute.MirroredStrategy(_first(count, _of_tensorflow())).scope():
            yield
    elif backend == "jax":
        before = keras.distribution.distribution()
        mesh = _first(count, keras.distribution.list_devices())
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=mesh))
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)
    else:
        raise ParameterError(
            "train.devices", f"{count} with the Keras backend {backend}", "tensorflow or jax"
        )


def replicas() -> int:
    """Return by how many devices Keras divides a loss here: TensorFlow's add up their parts of it.

    On one device, and on JAX, whose loss is of the whole batch, 1.
    """
    return tf.distribute.get_strategy().num_replicas_in_sync


def countable(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Return batches with numbers, 0 and 1, for what is false and true.

    To learn a batch's shape, Keras takes the mean of TensorFlow's devices' parts of it, and there
    is no sum of booleans.
    """

    def count(part):
        return tf.cast(part, tf.uint8) if part.dtype == tf.bool else part

    return batches.map(lambda *parts: tf.nest.map_structure(count, parts))


def _of_tensorflow() -> list[str]:
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def _first(count: int, found: list[str]) -> list[str]:
    if len(found) < count:
        raise ParameterError(
            "train.devices", str(count), f"at most the {len(found)} there are ({', '.join(found)})"
        )
    return found[:count]
