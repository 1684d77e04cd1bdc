"""The same network with activations that let only what speaks for the label flow back."""

import weakref

import keras

ACTIVATION_LAYERS = (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU)
RECTIFIERS = ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish")
_GUIDED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def guided_model(model: keras.Model) -> keras.Model:
    """Return a copy whose rectifiers pass only positive gradients back.

    Guided backpropagation (Springenberg et al. 2015, arXiv 1412.6806): at each rectifier the
    gradient from above is cut at nought before its own slope applies. For ReLU that is the
    published rule; leaky, exponential and Gaussian ones, which the paper does not know, keep their
    own slope. Those of nested models, such as the members of a mean, are guided too; a rectifier
    inside a layer of our own is left as it is.
    """
    if model not in _GUIDED:
        copy = keras.models.clone_model(model, clone_function=_guided_layer, recursive=True)
        _GUIDED[model] = copy
    _GUIDED[model].set_weights(model.get_weights())  # they may have changed since the last time
    return _GUIDED[model]


def _guided_layer(layer):
    if isinstance(layer, ACTIVATION_LAYERS):
        return Guided(layer.__class__.from_config(layer.get_config()), name=layer.name)
    copy = layer.__class__.from_config(layer.get_config())
    activation = getattr(layer, "activation", None)
    if getattr(activation, "__name__", "") in RECTIFIERS:
        copy.activation = guided(activation)
    return copy


class Guided(keras.layers.Layer):
    """An activation layer whose gradient is cut at nought."""

    def __init__(self, inner, **kwargs) -> None:
        super().__init__(**kwargs)
        self.run = guided(inner)

    def call(self, x):
        return self.run(x)

    def compute_output_shape(self, input_shape):
        return input_shape


def guided(function):
    """Return an activation with the same values, whose gradient from above is cut at nought."""
    import tensorflow as tf

    @tf.custom_gradient
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)

        def gradient(above):
            return tape.gradient(y, x, output_gradients=tf.maximum(above, 0.0))

        return y, gradient

    return run


def rectifiers(model: keras.Model) -> int:
    """Return how many rectifiers of a model :func:`guided_model` changes."""
    return sum(map(_rectifies, model.layers))


def _rectifies(layer) -> int:
    if isinstance(layer, keras.Model):
        return rectifiers(layer)
    activation = getattr(layer, "activation", None)
    return isinstance(layer, ACTIVATION_LAYERS) or getattr(activation, "__name__", "") in RECTIFIERS
