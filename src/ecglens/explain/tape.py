"""Gradients of a Keras model by TensorFlow's tape; nothing else here needs TensorFlow itself."""

import weakref
from collections.abc import Callable

import keras
import numpy as np

from ecglens.errors import ModelError
from ecglens.explain.networks import with_features

# Compiled once a model and question; a model that is no longer used takes its functions with it.
_COMPILED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def input_gradient(model: keras.Model, of: str) -> Callable[[np.ndarray, int], np.ndarray]:
    """Return a function (signals, column) -> d value / d signals, shaped as the signals."""

    def make():
        answer = keras.Model(model.input, model.output[of])

        def gradient(signals, column):
            with _tensorflow().GradientTape() as tape:
                tape.watch(signals)
                # Records do not touch each other, so the gradient of the sum is each one's own.
                value = answer(signals, training=False)[:, column]
            return tape.gradient(value, signals, unconnected_gradients="zero")

        return _compiled(gradient, model)

    return _kept(model, ("input", of), make)


def layer_gradients(model: keras.Model, layers: tuple[str, ...], of: str) -> Callable:
    """Return a function (signals, column) -> a pair a network: features, d value / d features.

    Parameters
    ----------
    model : keras.Model
    layers : tuple of str
        One a network; see :func:`ecglens.explain.networks.choose_layers`.
    of : {"logit", "probability"}
        The model's own, not its networks'.
    """

    def make():
        both = with_features(model, layers)

        def gradient(signals, column):
            with _tensorflow().GradientTape() as tape:
                # Watched before the model runs: the tape then records all that follows from it.
                tape.watch(signals)
                given = both(signals, training=False)
                value = given[of][:, column]
            features = given["features"]
            slopes = tape.gradient(value, features, unconnected_gradients="zero")
            return list(zip(features, slopes, strict=True))

        return _compiled(gradient, model)

    return _kept(model, ("layers", layers, of), make)


def _compiled(function: Callable, model: keras.Model) -> Callable:
    tf = _tensorflow()
    shape = (None, *model.input_shape[1:])
    signature = [tf.TensorSpec(shape, tf.float32), tf.TensorSpec((), tf.int32)]
    graph = tf.function(function, input_signature=signature)

    def run(signals, column):
        signals = tf.constant(np.asarray(signals, np.float32))
        answer = graph(signals, tf.constant(column, tf.int32))
        return tf.nest.map_structure(lambda tensor: tensor.numpy(), answer)

    return run


def _kept(model: keras.Model, question: tuple, make: Callable[[], Callable]) -> Callable:
    kept = _COMPILED.setdefault(model, {})
    if question not in kept:
        kept[question] = make()
    return kept[question]


def _tensorflow():
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            "KERAS_BACKEND",
            keras.backend.backend(),
            "tensorflow for methods that take gradients",
            "Use 'additive', 'occlusion' or 'shapley', which need none.",
        )
    import tensorflow as tf

    return tf
