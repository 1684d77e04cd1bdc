"""Signal-CAM: the published size, and a map that stays where the evidence is."""

import numpy as np
import pytest

from ecglens.models import build_model, signal_cam


def convolution(inputs, filters, kernel):
    return inputs * kernel * filters + filters


def norm(filters):
    return 2 * filters  # scale and offset; mean and variance are not trained


def weights(layers):
    return sum(int(np.prod(w.shape)) for layer in layers for w in layer.trainable_variables)


def test_the_trainable_parameters_are_those_of_the_paper_layer_by_layer():
    by_hand = {
        "conv_1": convolution(12, 16, 11),  # 2,128
        "norm_1": norm(16),
        "conv_2": convolution(16, 16, 7),  # 1,808
        "norm_2": norm(16),
        "conv_3": convolution(16, 32, 7),  # 3,616
        "norm_3": norm(32),
        "conv_4": convolution(32, 64, 7),  # 14,400
        "norm_4": norm(64),
        "head": 64 + 1,
    }
    assert sum(by_hand.values()) == 22_273
    model = signal_cam.build(samples=1000, labels=1)
    assert {layer.name: weights([layer]) for layer in model.layers if weights([layer])} == by_hand


def test_each_further_label_costs_one_weight_a_feature_and_a_bias():
    one, five = (signal_cam.build(samples=1000, labels=n) for n in (1, 5))
    assert weights(five.layers) - weights(one.layers) == 4 * 65


def test_the_length_of_the_record_costs_no_parameter():
    short, long = (signal_cam.build(samples=n, labels=2) for n in (250, 5000))
    assert weights(short.layers) == weights(long.layers)


@pytest.mark.parametrize("samples", [1000, 999])
def test_a_deflection_changes_the_attribution_near_itself_only(samples):
    # Without detrending and scaling, each of which sees the whole record at once.
    model = signal_cam.build(samples=samples, labels=1, detrend_degree=0, scaling="none")
    rng = np.random.default_rng(0)
    plain = rng.normal(0, 0.05, (1, samples, 12)).astype(np.float32)
    beat = plain.copy()
    beat[0, 595:606] += 2.0
    before, after = (
        np.asarray(model(x, training=False)["attribution"])[0, :, 0, 0] for x in (plain, beat)
    )
    change = np.abs(after - before)
    # A step of the last layer sees 5 + 2·3 + 4·3 + 8·3 samples on either side, and pooling and
    # spreading add at most 16: nothing that is farther away can know of the beat.
    away = np.abs(np.arange(samples) - 600) > 5 + 47 + 16
    assert change[away].max() == 0
    assert abs(change.argmax() - 600) < 40
    assert change[560:641].sum() > 0.5 * change.sum()


def test_conditioning_is_part_of_the_model_and_follows_its_options():
    names = [layer.name for layer in build_model("signal_cam", samples=100, labels=1).layers]
    assert names[1:4] == ["missing_to_zero", "detrend", "scale"]
    plain = build_model("signal_cam", samples=100, labels=1, detrend_degree=0, scaling="none")
    assert {"detrend", "scale"}.isdisjoint(layer.name for layer in plain.layers)


def test_the_published_conditioning_makes_offset_and_gain_immaterial():
    model = signal_cam.build(samples=1000, labels=3)
    signals = np.random.default_rng(1).normal(size=(2, 1000, 12)).astype(np.float32)
    expected = np.asarray(model(signals, training=False)["logit"])
    changed = np.asarray(model(3 * signals - 4, training=False)["logit"])
    np.testing.assert_allclose(changed, expected, atol=1e-4)


def test_plain_millivolts_make_the_gain_matter():
    model = signal_cam.build(samples=1000, labels=3, detrend_degree=0, scaling="none")
    signals = np.random.default_rng(1).normal(size=(2, 1000, 12)).astype(np.float32)
    expected = np.asarray(model(signals, training=False)["logit"])
    assert np.abs(np.asarray(model(3 * signals, training=False)["logit"]) - expected).max() > 0.01
