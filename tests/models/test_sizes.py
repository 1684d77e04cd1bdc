"""Each model at its published size, counted by hand."""

from itertools import pairwise

import numpy as np
import pytest

from ecglens.models import MODELS, build_model


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def xplaim(labels):
    """ECG-XPLAIM's parameters, the four of each BatchNorm's channels among them."""
    total, channels = 0, 12
    for filters in (16, 32, 128):
        wide = 3 * filters
        total += (2 + 10 + 40) * filters * (channels + wide)  # two stages
        total += channels * wide  # shortcut
        total += 3 * 4 * wide  # BatchNorm of both stages and of the shortcut
        channels = wide
    return total + (channels + 1) * labels


def encoder():
    """ECG-IMN's encoder: kernels of 3 leads by 15 samples, BatchNorm."""
    convolutions = 45 * (1 * 16 + 16 * 32 + 32 * 64)
    return convolutions + 2 * (16 + 32 + 64)


def imn(classes):
    """ECG-IMN: encoder, two stages of the decoder, the last convolution, the bias."""
    decoder = 9 * (64 * 32 + 32 * 16) + 2 * (32 + 16) + 9 * 16 * classes + classes
    return encoder() + decoder + 65 * classes


def ribeiro(steps, labels):
    """Ribeiro's ResNet: kernel 16, shortcuts where the filters change, one weight a moment."""
    widths = (64, 128, 196, 256, 320)
    total = 16 * 12 * 64 + 2 * 64
    for before, after in pairwise(widths):
        total += before * after + 16 * after * (before + after) + 2 * 2 * after
    return total + (steps * widths[-1] + 1) * labels


def inception_modules():
    total, channels = 0, 12
    for module in range(6):
        total += channels * 32 + 32 * 32 * (39 + 19 + 9) + channels * 32 + 2 * 128
        if module % 3 == 2:
            total += (12 if module == 2 else 128) * 128 + 2 * 128
        channels = 128
    return total


def inception(labels):
    return inception_modules() + benchmark_head(128, labels)


def additive_inception(labels):
    return inception_modules() + 2 * squeeze(128, 16) + 2 * 128 * labels + labels


def xresnet(labels):
    return xresnet_body((3, 4, 23, 3), 64) + benchmark_head(256, labels)


def additive_xresnet(labels):
    """The head has a weight and one of attention for each feature and label."""
    body = xresnet_body((3, 4, 6, 3), 44, kernels=(5, 5, 1, 1))
    return body + (4 + 6 + 3) * squeeze(176, 11) + (2 * 176 + 1) * labels


def xresnet_body(blocks, filters, kernels=(5, 5, 5, 5)):
    total = 5 * (12 * 32 + 32 * 32 + 32 * 64) + 2 * (32 + 32 + 64)
    channels, wide = 64, 4 * filters
    for count, kernel in zip(blocks, kernels, strict=True):
        for _ in range(count):
            total += channels * filters + kernel * filters**2 + filters * wide
            total += 2 * (filters + filters + wide)
            total += channels * wide + 2 * wide if channels != wide else 0
            channels = wide
    return total


def benchmark_head(features, labels):
    """Two poolings, BatchNorm, hidden layer, BatchNorm, output."""
    return 2 * 2 * features + (2 * features + 1) * 128 + 2 * 128 + 129 * labels


def gru(labels):
    """Each gate has two biases, as Keras' GRU."""
    recurrent = 3 * 128 * (12 + 128 + 2) + 3 * 64 * (128 + 64 + 2)
    norms = 2 * (128 + 64 + 64 + 32)
    return recurrent + norms + 65 * 64 + 65 * 32 + 33 * labels


def cnn(samples, labels):
    left = (((samples - 4) // 2 - 4) // 2 - 2) // 2
    convolutions = 5 * 12 * 32 + 32 + 5 * 32 * 64 + 64 + 3 * 64 * 128 + 128
    return convolutions + 2 * (32 + 64 + 128) + (left * 128 + 1) * 128 + 129 * labels


def squeeze(width, hidden):
    return width * hidden + hidden + hidden * width + width


def additive_resnet(labels):
    trunk = 11 * 12 * 32 + 7 * 32 * 32 + 7 * 32 * 64 + 7 * 64 * 128 + 2 * (32 + 32 + 64 + 128)
    block = 2 * (5 * 128 * 128 + 2 * 128) + squeeze(128, 16)
    return trunk + squeeze(64, 8) + squeeze(128, 16) + 2 * block + 129 * labels


def additive_leads(labels):
    trunk = 11 * 16 + 7 * 16 * 16 + 7 * 16 * 32 + 7 * 32 * 64
    norms = 2 * 12 * (16 + 16 + 32 + 64)  # a scale and a shift for each lead and channel
    weighed = squeeze(12 * 16, 32) + squeeze(12 * 32, 64) + squeeze(12 * 64, 128)
    return trunk + norms + weighed + 12 * 64 * labels + labels


@pytest.mark.parametrize(
    ("name", "samples", "labels", "expected"),
    [
        ("signal_cam", 1000, 1, 22_273),
        ("ecg_imn", 1000, 1, imn(1)),
        ("ecg_imn", 5000, 5, imn(5)),
        ("ecg_imn_categorical", 1000, 1, imn(2)),
        ("ecg_imn_direct", 1000, 1, encoder() + 65 * 12_000 + 65),
        ("cnn", 1000, 2, cnn(1000, 2)),
        ("gru", 1000, 3, gru(3)),
        ("resnet", 4096, 6, ribeiro(16, 6)),
        ("cnn2d_gradcam", 1000, 4, encoder() + 65 * 4),
        ("xresnet1d101", 250, 5, xresnet(5)),
        ("inception1d", 250, 5, inception(5)),
        ("additive_resnet", 1000, 5, additive_resnet(5)),
        ("additive_inception", 1000, 5, additive_inception(5)),
        ("additive_xresnet", 1000, 5, additive_xresnet(5)),
        ("additive_leads", 1000, 5, additive_leads(5)),
    ],
)
def test_trainable_parameters_are_those_counted_by_hand(name, samples, labels, expected):
    assert trainable(build_model(name, samples=samples, labels=labels)) == expected


def test_attention_adds_a_second_weight_for_each_feature_and_label():
    model = build_model("additive_resnet", samples=250, labels=5, pooling="attention")
    assert trainable(model) == additive_resnet(5) + 128 * 5


def test_ecg_xplaim_has_the_published_number_of_parameters():
    assert xplaim(1) == 3_533_185
    model = build_model("ecg_xplaim", samples=5000, labels=1)
    assert model.count_params() == 3_533_185
    assert trainable(model) == 3_533_185 - 2 * 3 * (48 + 96 + 384)  # less means and variances


def test_the_hand_count_of_ecg_imn_is_the_published_one():
    assert imn(1) == 139_490


def test_no_model_is_left_out():
    (marks,) = test_trainable_parameters_are_those_counted_by_hand.pytestmark
    assert {case[0] for case in marks.args[1]} | {"ecg_xplaim"} == set(MODELS)
