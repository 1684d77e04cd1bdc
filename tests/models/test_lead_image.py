"""Where ECG-IMN, its direct form and its baseline drop out, while they are trained."""

import keras
import numpy as np
import pytest
from tiny import randomised, signals, tiny

RECORDS, SAMPLES, RATE = 64, 61, 0.5


def training_pass(name):
    """Return the last feature map before and after drop-out, and the logit, of one pass."""
    keras.utils.set_random_seed(4)
    model = randomised(tiny(name, samples=SAMPLES, dropout=RATE), 3)
    drop = model.get_layer("dropout")
    parts = keras.Model(model.input, [drop.input, drop.output, model.output["logit"]])
    x = signals(RECORDS, SAMPLES)
    return model, x, [np.asarray(part, np.float64) for part in parts(x, training=True)]


def pooled(features):
    return features.mean(axis=(1, 2))


def weights_of(model, layer):
    return [np.asarray(weight, np.float64) for weight in model.get_layer(layer).get_weights()]


@pytest.mark.parametrize("name", ["cnn2d_gradcam", "ecg_imn_direct"])
def test_a_pooled_feature_is_dropped_or_scaled_as_if_dropped_behind_the_pooling(name):
    model, x, (before, after, logit) = training_pass(name)
    kept = pooled(after) != 0
    expected = np.where(kept, pooled(before) / (1 - RATE), 0)
    np.testing.assert_allclose(pooled(after), expected, rtol=1e-4, atol=1e-6)
    if name == "cnn2d_gradcam":
        kernel, bias = weights_of(model, "head")
        np.testing.assert_allclose(logit, expected @ kernel + bias, rtol=1e-4, atol=1e-4)
        return
    z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True, ddof=1)
    kernel, bias = weights_of(model, "weights")
    generated = (expected @ kernel + bias).reshape(*x.shape, -1)
    kernel, bias = weights_of(model, "bias")
    linear = np.einsum("ntlk,ntl->nk", generated, z) + expected @ kernel + bias
    np.testing.assert_allclose(logit, linear, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["cnn2d_gradcam", "ecg_imn_direct"])
def test_each_record_and_channel_is_drawn_by_itself(name):
    _, _, (_, after, _) = training_pass(name)
    kept = pooled(after) != 0
    _, channels = kept.shape
    assert len(np.unique(kept, axis=0)) == 2**channels  # records draw each set of channels
    assert len(np.unique(kept, axis=1).T) == channels  # no channel draws as another does
    assert abs(kept.mean() - (1 - RATE)) < 4 * np.sqrt(RATE * (1 - RATE) / kept.size)


@pytest.mark.parametrize("name", ["ecg_imn", "ecg_imn_categorical"])
def test_ecg_imn_drops_single_numbers_of_its_feature_map_as_published(name):
    _, _, (before, after, _) = training_pass(name)
    kept = after != 0
    np.testing.assert_allclose(after, np.where(kept, before / (1 - RATE), 0), rtol=1e-5, atol=1e-7)
    shares = kept.mean(axis=(1, 2))
    assert shares.min() > 0.3 and shares.max() < 0.7


@pytest.mark.parametrize("name", ["cnn2d_gradcam", "ecg_imn_direct", "ecg_imn"])
def test_nothing_is_dropped_in_prediction(name):
    model = randomised(tiny(name, samples=SAMPLES, dropout=RATE), 3)
    same = tiny(name, samples=SAMPLES, dropout=0.0)
    same.set_weights(model.get_weights())
    x = signals(2, SAMPLES)
    for part, value in model(x, training=False).items():
        np.testing.assert_array_equal(value, same(x, training=False)[part])
