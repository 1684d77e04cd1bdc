"""Gradients of a Keras model by TensorFlow's tape; nothing else here needs TensorFlow itself."""

import weakref
from collections.abc import Callable

import keras
import numpy as np

from ecglens.errors import ModelError, ParameterError, did_you_mean

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


def layer_gradient(model: keras.Model, layer: str, of: str) -> Callable:
    """Return a function (signals, column) -> features of a layer, d value / d features.

    Raises
    ------
    ParameterError
        If the model has no such layer, or the value does not depend on it.
    """

    found = find_layer(model, layer)  # first: what is no name may be no key

    def make():
        features = found.output
        both = keras.Model(model.input, {"features": features, "value": model.output[of]})

        def gradient(signals, column):
            with _tensorflow().GradientTape() as tape:
                # Watched before the model runs: the tape then records all that follows from it.
                tape.watch(signals)
                given = both(signals, training=False)
                value = given["value"][:, column]
            slope = tape.gradient(value, given["features"], unconnected_gradients="zero")
            return given["features"], slope

        return _compiled(gradient, model)

    return _kept(model, ("layer", layer, of), make)


def find_layer(model: keras.Model, name: str):
    """Return a layer by its name.

    Raises
    ------
    ParameterError
        If there is none, or it has no feature map over time.
    """
    usable = feature_layers(model)
    if name not in usable:
        there = name in [layer.name for layer in model.layers]
        found = f"{name!r}, which has no feature map over time" if there else f"no layer {name!r}"
        mend = did_you_mean(name, usable)
        raise ParameterError("layer", found, f"a layer of {model.name} with a feature map", mend)
    return model.get_layer(name)


def feature_layers(model: keras.Model) -> list[str]:
    """Return the names of the layers that give a feature map over time, first to last."""
    return [
        layer.name
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer) and _is_map(layer.output)
    ]


def _is_map(output) -> bool:
    return len(getattr(output, "shape", ())) in (3, 4) and max(output.shape[1:-1]) > 1


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
