"""Losses against their formulas, worked out in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.losses import LOSSES, build_loss, positive_weights
from ecglens.train_params import TrainParams

PLAIN = {"label_smoothing": 0.0, "focal_gamma": 2.0}


def cases(seed, records=6, labels=3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (records, labels)).astype(np.float32)
    return truth, rng.normal(0, 3, (records, labels)).astype(np.float32)


def value(loss, truth, logit):
    return float(np.mean(loss(truth, logit)))


def cross_entropy(truth, logit):
    p = 1 / (1 + np.exp(-logit.astype(np.float64)))
    return -(truth * np.log(p) + (1 - truth) * np.log1p(-p))


def test_the_parameter_knows_the_losses_that_there_are():
    spec = next(f for f in TrainParams.__dataclass_fields__.values() if f.name == "loss")
    assert spec.metadata["choices"] == LOSSES
    with pytest.raises(ValueError, match="expected one of bce"):
        build_loss("mse", np.ones((2, 1)), **PLAIN)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), smoothing=st.sampled_from([0.0, 0.1, 0.5]))
def test_bce_and_weighted_bce_are_their_formulas(seed, smoothing):
    truth, logit = cases(seed)
    options = {**PLAIN, "label_smoothing": smoothing}
    smooth = truth * (1 - smoothing) + smoothing / 2
    expected = cross_entropy(smooth, logit).mean()
    assert value(build_loss("bce", truth, **options), truth, logit) == pytest.approx(expected, 1e-4)

    p = 1 / (1 + np.exp(-logit.astype(np.float64)))
    weights = np.array(positive_weights(truth))
    terms = -(weights * smooth * np.log(p) + (1 - smooth) * np.log1p(-p))
    found = value(build_loss("weighted_bce", truth, **options), truth, logit)
    assert found == pytest.approx(terms.mean(), 1e-4)


def test_focal_counts_a_sure_record_for_less_and_without_gamma_is_bce():
    truth, logit = np.ones((1, 1), np.float32), np.array([[2.0]], np.float32)
    p = 1 / (1 + np.exp(-2.0))
    found = value(build_loss("focal", truth, **PLAIN), truth, logit)
    assert found == pytest.approx(-((1 - p) ** 2) * np.log(p), rel=1e-4)
    truth, logit = cases(1)
    plain = build_loss("focal", truth, label_smoothing=0.0, focal_gamma=0.0)
    assert value(plain, truth, logit) == pytest.approx(cross_entropy(truth, logit).mean(), 1e-4)


def test_the_weight_of_a_positive_is_how_many_negatives_there_are_to_it():
    truth = np.zeros((200, 3), np.float32)
    truth[:50, 0], truth[:1, 1], truth[:, 2] = 1, 1, 1
    assert positive_weights(truth) == [3.0, 50.0, 0.0]  # 199 is too much of one record


@pytest.mark.parametrize("name", LOSSES)
def test_a_huge_logit_gives_a_number(name):
    truth = np.array([[1.0, 0.0]], np.float32)
    loss = build_loss(name, np.eye(2, dtype=np.float32), **PLAIN)
    for logit in ([[500.0, -500.0]], [[-500.0, 500.0]]):
        assert np.isfinite(value(loss, truth, np.array(logit, np.float32)))


def test_two_class_cross_entropy_is_bce_of_the_difference():
    truth, first = cases(2)
    _, second = cases(3)
    both = np.stack([first, second], axis=-1).astype(np.float64)
    log_softmax = both - np.log(np.exp(both).sum(axis=-1, keepdims=True))
    two_class = -np.take_along_axis(log_softmax, truth[..., None].astype(int), axis=-1).mean()
    found = value(build_loss("bce", truth, **PLAIN), truth, second - first)
    assert found == pytest.approx(two_class, rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), smoothing=st.sampled_from([0.0, 0.3]))
def test_what_is_not_asked_counts_for_nothing_and_labels_weigh_alike(seed, smoothing):
    truth, logit = cases(seed, records=8)
    truth[:5, 2] = truth[6:, 1] = np.nan
    loss = build_loss("bce", truth, label_smoothing=smoothing, focal_gamma=2.0)
    smooth = truth * (1 - smoothing) + smoothing / 2
    expected = np.nanmean(cross_entropy(smooth, logit), axis=0).mean()  # over records, then labels
    assert value(loss, truth, logit) == pytest.approx(expected, 1e-4)
    logit[:5, 2] += 100
    assert value(loss, truth, logit) == pytest.approx(expected, 1e-4)


def test_the_loss_of_what_is_asked_survives_saving():
    truth, logit = cases(2)
    truth[0, 1] = np.nan
    loss = build_loss("bce", truth, **PLAIN)
    again = type(loss).from_config(loss.get_config())
    assert value(again, truth, logit) == value(loss, truth, logit)
