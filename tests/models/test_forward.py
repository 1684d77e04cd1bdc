"""What each architecture computes, against numpy written out from its description."""

import keras
import numpy as np
import pytest
from scipy.special import erf
from tiny import TINY, outputs, randomised, signals, tiny

SAMPLES = 60
# Not a multiple of what the models pool by, so that what is left over at the end is met too.


@pytest.fixture
def case(request):
    """Return a tiny model with drawn weights, a record, and what the model answers."""

    def make(name, **options):
        model = randomised(tiny(name, samples=SAMPLES - 1, **options), 8)
        x = signals(1, SAMPLES - 1, seed=3)
        return Weights(model), x[0].astype(np.float64), outputs(model, x)

    return make


class Weights:
    """A model's weights in float64, by layer."""

    def __init__(self, model):
        self._model = model

    def __call__(self, name):
        return [np.asarray(w, np.float64) for w in self._model.get_layer(name).get_weights()]


def convolve(x, kernel, bias=0.0, *, stride=1, pad=None):
    """Correlate x (..., time, channels) along its axes; ``pad`` per axis, else as Keras' same."""
    axes = kernel.ndim - 2
    if pad is None:
        pad = []
        for length, size in zip(x.shape[:axes], kernel.shape[:axes], strict=True):
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            pad.append((total // 2, total - total // 2))
    whole = np.pad(x, [*pad, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(
        whole, kernel.shape[:axes], axis=tuple(range(axes))
    )  # fmt: skip
    windows = windows[::stride] if axes == 1 else windows
    letters = "ab"[:axes]
    return np.einsum(f"...c{letters},{letters}co->...o", windows, kernel) + bias


def normed(x, weights, epsilon=1e-3):
    gamma, beta, mean, variance = weights
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def relu(x):
    return np.maximum(x, 0)


def pooled(x, size=2, *, how=np.max, whole_only=False):
    """Pool along time; what is left over at the end is a step, unless ``whole_only``."""
    steps = len(x) // size if whole_only else -(-len(x) // size)
    return np.stack([how(x[size * k : size * (k + 1)], axis=0) for k in range(steps)])


def zscored(x):
    return (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)


def close(actual, expected, **tolerance):
    np.testing.assert_allclose(actual[0], expected, **{"atol": 1e-4, "rtol": 1e-4, **tolerance})


def test_ecg_xplaim(case):
    weights, x, answer = case("ecg_xplaim")
    for block in (1, 2, 3):
        past = convolve(x, *weights(f"block_{block}_shortcut"))
        past = normed(past, weights(f"block_{block}_shortcut_norm"))
        for stage in (1, 2):
            place = f"block_{block}_stage_{stage}"
            parts = [relu(convolve(x, kernel)) for kernel in weights(f"{place}_convs")]
            x = relu(normed(np.concatenate(parts, axis=1), weights(f"{place}_norm")))
        x = pooled(relu(past + x))
    kernel, bias = weights("head")
    close(answer["logit"], x.mean(axis=0) @ kernel + bias)


def test_resnet(case):
    weights, x, answer = case("resnet")
    x = past = relu(normed(convolve(x, *weights("conv_1")), weights("norm_1")))
    for unit in (2, 3):
        past = convolve(pooled(past, 4), *weights(f"skip_{unit}_conv"))
        x = relu(normed(convolve(x, *weights(f"conv_{unit}_a")), weights(f"norm_{unit}_a")))
        x = past = convolve(x, *weights(f"conv_{unit}_b"), stride=4) + past
        x = relu(normed(x, weights(f"norm_{unit}_b")))
    kernel, bias = weights("head")
    close(answer["logit"], x.ravel() @ kernel + bias)


def image_features(weights, x):
    """ECG-IMN's encoder on a record (samples, 12)."""
    x = x[..., None]
    for number in (1, 2, 3):
        x = half(weights, x, f"encoder_{number}")
        x = pooled(x) if number > 1 else x
    return x


def half(weights, x, name):
    """Convolution, BatchNorm, GELU."""
    x = normed(convolve(x, *weights(f"{name}_conv")), weights(f"{name}_norm"), 1e-5)
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


@pytest.mark.parametrize("name", ["ecg_imn", "ecg_imn_categorical"])
def test_ecg_imn(case, name):
    weights, x, answer = case(name)
    z = zscored(x)
    features = image_features(weights, z)
    y = features
    for number in (1, 2):
        y = np.repeat(half(weights, y, f"decoder_{number}"), 2, axis=0)
    generated = convolve(y[: len(z)], *weights("weights"))
    kernel, bias = weights("bias")
    bias = features.mean(axis=(0, 1)) @ kernel + bias
    if name == "ecg_imn_categorical":  # outputs 0 and 1: absence of each label; 2 and 3: presence
        logits = np.einsum("tlk,tl->k", generated, z) + bias
        softmax = np.exp(logits[2:]) / (np.exp(logits[2:]) + np.exp(logits[:2]))
        close(answer["probability"], softmax)
        generated, bias = generated[..., 2:] - generated[..., :2], bias[2:] - bias[:2]
    close(answer["attribution"], generated * z[..., None])
    close(answer["bias"], bias)
    close(answer["logit"], np.einsum("tlk,tl->k", generated, z) + bias)


def test_ecg_imn_direct(case):
    weights, x, answer = case("ecg_imn_direct")
    z = zscored(x)
    features = image_features(weights, z).mean(axis=(0, 1))
    kernel, bias = weights("weights")
    generated = (features @ kernel + bias).reshape(*z.shape, 2)
    kernel, bias = weights("bias")
    close(answer["logit"], np.einsum("tlk,tl->k", generated, z) + features @ kernel + bias)


def test_cnn2d_gradcam_and_the_share_of_each_lead(case):
    weights, x, answer = case("cnn2d_gradcam")
    features = image_features(weights, zscored(x))
    kernel, bias = weights("head")
    close(answer["logit"], features.mean(axis=(0, 1)) @ kernel + bias)
    shares = (features @ kernel).sum(axis=0) / (features.shape[0] * 12)
    close(answer["attribution"].sum(axis=1), shares)


def test_cnn(case):
    weights, x, answer = case("cnn")
    for number in (1, 2, 3):
        kernel, bias = weights(f"conv_{number}")
        x = relu(convolve(x, kernel, bias, pad=[(0, 0)]))
        x = pooled(normed(x, weights(f"norm_{number}")), whole_only=True)
    kernel, bias = weights("hidden")
    hidden = relu(x.ravel() @ kernel + bias)
    kernel, bias = weights("logit")
    close(answer["logit"], hidden @ kernel + bias)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def recurrent(x, kernel, inner, biases):
    """States of a GRU (Cho et al. 2014) whose reset gate acts after the product, as in Keras."""
    state, states = np.zeros(len(inner)), []
    for step in x:
        update, reset, new = np.split(step @ kernel + biases[0], 3)
        update_in, reset_in, new_in = np.split(state @ inner + biases[1], 3)
        update, reset = sigmoid(update + update_in), sigmoid(reset + reset_in)
        state = update * state + (1 - update) * np.tanh(new + reset * new_in)
        states.append(state)
    return np.array(states)


def layer_normed(x, weights):
    gamma, beta = weights
    spread = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-3)
    return gamma * (x - x.mean(axis=-1, keepdims=True)) / spread + beta


def test_gru(case):
    weights, x, answer = case("gru")
    x = layer_normed(recurrent(x, *weights("gru_1")[:3]), weights("gru_norm_1"))
    x = layer_normed(recurrent(x, *weights("gru_2")[:3])[-1], weights("gru_norm_2"))
    for number in (1, 2):
        kernel, bias = weights(f"hidden_{number}")
        x = normed(relu(x @ kernel + bias), weights(f"norm_{number}"))
    kernel, bias = weights("logit")
    close(answer["logit"], x @ kernel + bias)


def benchmark_head(weights, x):
    x = np.concatenate([x.max(axis=0), x.mean(axis=0)])
    kernel, bias = weights("hidden")
    x = relu(normed(x, weights("head_norm_1"), 1e-5) @ kernel + bias)
    kernel, bias = weights("logit")
    return normed(x, weights("head_norm_2"), 1e-5) @ kernel + bias


def branches(weights, x, module, kernels):
    """An inception module: what its convolutions and its pooling see."""
    place = f"module_{module}"
    narrow = convolve(x, *weights(f"{place}_bottleneck"))
    parts = [convolve(narrow, *weights(f"{place}_conv_{k}")) for k in kernels]
    around = np.pad(x, ((1, 1), (0, 0)), constant_values=-np.inf)
    around = np.max([around[:-2], around[1:-1], around[2:]], axis=0)
    parts.append(convolve(around, *weights(f"{place}_pool_conv")))
    return np.concatenate(parts, axis=1), weights(f"{place}_norm")


def test_inception1d(case):
    weights, x, answer = case("inception1d")
    start = x
    for module in (1, 2, 3):
        seen, norm = branches(weights, x, module, TINY["inception1d"]["kernels"])
        x = relu(normed(seen, norm, 1e-5))
    past = normed(convolve(start, *weights("shortcut_1")), weights("shortcut_norm_1"), 1e-5)
    close(answer["logit"], benchmark_head(weights, relu(x + past)))


def xresnet_body(weights, x, halved=(2,), weighed=False):
    def normed_convolution(x, name, stride=1):
        kernel, pad = weights(f"{name}_conv")[0], (len(weights(f"{name}_conv")[0]) - 1) // 2
        x = convolve(x, kernel, stride=stride, pad=[(pad, pad)])
        return normed(x, weights(f"{name}_norm"), 1e-5)

    for number in (1, 2, 3):
        x = relu(normed_convolution(x, f"stem_{number}", 2 if number == 1 else 1))
    x = np.pad(x, ((1, 1), (0, 0)))
    x = np.stack([x[k : k + 3].max(axis=0) for k in range(0, len(x) - 2, 2)])
    for name in ("block_1_1", "block_2_1", "block_2_2"):
        stride = 2 if name[-1] == "1" and int(name[-3]) in halved else 1
        past = pooled(x, how=np.mean) if stride == 2 else x
        if name == "block_1_1":
            past = normed_convolution(past, f"{name}_past")
        for number in range(3):
            x = normed_convolution(x, f"{name}_{number}", stride if number == 1 else 1)
            x = relu(x) if number < 2 else x
        x = excited(weights, x, name) if weighed and name != "block_1_1" else x
        x = relu(x + past)
    return x


def test_xresnet1d101(case):
    weights, x, answer = case("xresnet1d101")
    close(answer["logit"], benchmark_head(weights, xresnet_body(weights, x)))


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def test_signal_cam(case):
    weights, x, answer = case("signal_cam", detrend_degree=0, scaling="none")
    for number in (1, 2, 3, 4):
        x = convolve(x, *weights(f"conv_{number}"))
        x = leaky(normed(x, weights(f"norm_{number}")))
        x = pooled(x) if number < 4 else x
    kernel, bias = weights("head")
    close(answer["logit"], x.mean(axis=0) @ kernel + bias)


def excited(weights, x, name):
    """Weigh channels by what two dense layers make of their means (squeeze-and-excitation)."""
    kernel, bias = weights(f"{name}_mix")
    hidden = relu(x.mean(axis=0) @ kernel + bias)
    kernel, bias = weights(f"{name}_excite")
    return x * sigmoid(hidden @ kernel + bias)


@pytest.mark.parametrize("fine", [0, 2])
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_additive_resnet(case, fine, pooling):
    weights, x, answer = case("additive_resnet", fine=fine, pooling=pooling)
    spread = 1

    def step(x, name):
        return normed(convolve(x, dilated(weights(name)[0], spread)), weights(f"{name}_norm"))

    for number in (1, 2, 3):
        if 1 < number <= 3 - fine:
            x = pooled(x)
        elif number > 1:
            spread *= 2
        x = leaky(step(x, f"trunk_{number}"))
        x = excited(weights, x, f"trunk_{number}") if number > 2 else x
    past = x
    x = step(leaky(step(x, "block_1_1")), "block_1_2")
    x = leaky(excited(weights, x, "block_1") + past)
    if pooling == "mean":
        kernel, bias = weights("head")
        close(answer["logit"], x.mean(axis=0) @ kernel + bias)
        return
    close(answer["logit"], attended(weights, x))


def attended(weights, x):
    """What the steps say, weighed by each label's own attention."""
    kernel, bias, query = weights("head")
    weighs = np.exp(x @ query) / np.exp(x @ query).sum(axis=0)
    return (weighs * (x @ kernel)).sum(axis=0) + bias


@pytest.mark.parametrize("halved", [(), (1,), (2, 3)])
def test_additive_inception(case, halved):
    weights, x, answer = case("additive_inception", halved=halved)
    past = x
    for module in (1, 2, 3):
        seen, norm = branches(weights, x, module, TINY["additive_inception"]["kernels"])
        x = leaky(normed(seen, norm))
        if module == 3:
            past = normed(convolve(past, *weights("shortcut_1")), weights("shortcut_1_norm"))
            x = past = leaky(excited(weights, x, "shortcut_1") + past)
        if module in halved:
            x, past = pooled(x), pooled(past)
    close(answer["logit"], attended(weights, x))


@pytest.mark.parametrize("halved", [(), (2,), (1, 2)])
def test_additive_xresnet(case, halved):
    weights, x, answer = case("additive_xresnet", halved=halved)
    (ceiling,) = weights("ceiling")
    features = xresnet_body(weights, x, halved, weighed=True)
    close(answer["logit"], attended(weights, np.minimum(features, ceiling)))


def dilated(kernel, spread):
    """A kernel with zeros between its values."""
    wide = np.zeros((spread * (len(kernel) - 1) + 1, *kernel.shape[1:]))
    wide[::spread] = kernel
    return wide


def test_additive_leads(case):
    """Each lead passes the same convolutions; what it adds to the logit has weights of its own."""
    weights, x, answer = case("additive_leads")
    x = x[..., None]
    for number in (1, 2, 3):
        x = pooled(x) if number > 1 else x
        kernel = weights(f"trunk_{number}")[0][:, 0]
        x = np.stack([convolve(x[:, lead], kernel) for lead in range(12)], axis=1)
        joined = leaky(normed(x.reshape(len(x), -1), weights(f"trunk_{number}_norm")))
        if number > 1:
            joined = excited(weights, joined, f"trunk_{number}")
        x = joined.reshape(x.shape)
    kernel, bias = weights("head")
    by_lead = np.einsum("tlj,ljk->lk", x, kernel) / (12 * len(x))
    close(answer["logit"], by_lead.sum(axis=0) + bias)
    close(answer["attribution"].sum(axis=1), by_lead)


def test_the_penalty_on_generated_weights_is_their_mean_size_in_training_alone():
    model = tiny("ecg_imn", samples=SAMPLES, dropout=0.0, l1=0.5)
    weights_of = keras.Model(model.input, model.get_layer("weights").output)
    x = signals(4, SAMPLES)
    weights_of(x, training=True)
    for layer in model.layers:  # so that training normalises as prediction does
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    expected = 0.5 * np.abs(np.asarray(weights_of(x, training=False))).mean()
    logit = keras.Model(model.input, model.output["logit"])
    logit.compile(keras.optimizers.SGD(0.0), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    truth = np.zeros((4, 2), np.float32)
    with_penalty = float(logit.train_on_batch(x, truth))
    without = float(logit.test_on_batch(x, truth))
    assert with_penalty - without == pytest.approx(expected, rel=1e-3)
