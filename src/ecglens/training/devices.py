"""Several devices that share each batch, by a parameter."""

from contextlib import contextmanager

import keras
import tensorflow as tf

from ecglens.errors import ParameterError


@contextmanager
def devices(count: int):
    """Build and fit models on so many devices of the Keras backend; on one, leave things alone.

    TensorFlow mirrors the weights (``tf.distribute.MirroredStrategy``), JAX shards the batch
    (``keras.distribution.DataParallel``). What is built and fitted must stand inside.

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


def _of_tensorflow() -> list[str]:
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def _first(count: int, found: list[str]) -> list[str]:
    if len(found) < count:
        raise ParameterError(
            "train.devices", str(count), f"at most the {len(found)} there are ({', '.join(found)})"
        )
    return found[:count]
