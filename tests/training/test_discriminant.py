"""Labels of few records get the weights of a discriminant, worked out here by other means."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ecglens.errors import ParameterError
from ecglens.models import build_model
from ecglens.models.crops import whole_and_cropped
from ecglens.models.ensemble import Joined, mean_of, members_of, of_labels
from ecglens.train_params import TrainParams
from ecglens.training import Training, run_training
from ecglens.training import discriminant as module
from ecglens.training.discriminant import calibrate_rare, head_of, refit_rare

LABELS = 3
FEW = 10


@pytest.fixture
def attended(learnable):
    """Return a network with attention and three labels, whose head is at random."""
    keras.utils.set_random_seed(8)
    built = build_model(
        "additive_resnet", samples=learnable.store.samples, labels=LABELS, detrend_degree=0,
        filters=(8, 8, 16), kernels=(7, 5, 5), blocks=1, pooling="attention",
    )  # fmt: skip
    head = built.get_layer("head")
    for weight in (head.kernel, head.query, head.bias):
        weight.assign(keras.random.normal(weight.shape, seed=3))
    return built


@pytest.fixture
def train(learnable):
    """The training records of three labels: a frequent one, and two of FEW and of no record."""
    truth = np.zeros((len(learnable.train.rows), LABELS), np.float32)
    truth[:, 0] = learnable.train.truth[:, 0]
    truth[np.flatnonzero(learnable.train.truth[:, 1])[:FEW], 1] = 1
    return replace(learnable.train, truth=truth)


def pooled_by_hand(network, signals, label):
    """Return the features of a label: the weights of the steps times what the steps show."""
    head = network.get_layer("head")
    steps = np.asarray(keras.Model(network.input, head.input)(signals), np.float64)
    score = steps @ np.asarray(head.query, np.float64)[:, label]
    weights = np.exp(score - score.max(axis=1, keepdims=True))
    return np.einsum("bt,btf->bf", weights / weights.sum(axis=1, keepdims=True), steps)


def weights_of(network):
    head = network.get_layer("head")
    return tuple(np.copy(convert_to_numpy(x)) for x in (head.kernel, head.bias))


def test_only_labels_of_fewer_records_change(attended, learnable, train):
    kernel, bias = weights_of(attended)
    assert refit_rare(attended, learnable.store, train, FEW + 1).tolist() == [1]
    after, its_bias = weights_of(attended)
    assert not np.allclose(after[:, 1], kernel[:, 1])
    np.testing.assert_array_equal(np.delete(after, 1, axis=1), np.delete(kernel, 1, axis=1))
    np.testing.assert_array_equal(np.delete(its_bias, 1), np.delete(bias, 1))


def test_as_many_records_as_the_limit_are_enough(attended, learnable, train):
    before = weights_of(attended)
    assert refit_rare(attended, learnable.store, train, FEW).size == 0
    np.testing.assert_array_equal(weights_of(attended)[0], before[0])


def test_the_direction_is_that_of_a_shrunken_discriminant(attended, learnable, train):
    signals = learnable.store.millivolts(train.rows)
    features = pooled_by_hand(attended, signals, 1)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    truth = train.truth[:, 1] > 0.5
    difference = scaled[truth].mean(axis=0) - scaled[~truth].mean(axis=0)
    ridge = np.cov(scaled.T, ddof=0) + module.SHRINKAGE * np.eye(scaled.shape[1])
    expected = scaled @ np.linalg.inv(ridge) @ difference
    refit_rare(attended, learnable.store, train, FEW + 1)
    logit = np.asarray(attended(signals)["logit"])[:, 1]
    assert np.corrcoef(logit, expected)[0, 1] == pytest.approx(1, abs=1e-6)


def test_with_next_to_no_shrinkage_it_is_scikit_learns(attended, learnable, train, monkeypatch):
    monkeypatch.setattr(module, "SHRINKAGE", 1e-7)
    signals = learnable.store.millivolts(train.rows)
    features, truth = pooled_by_hand(attended, signals, 1), train.truth[:, 1] > 0.5
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(features, truth)
    refit_rare(attended, learnable.store, train, FEW + 1)
    logit = np.asarray(attended(signals)["logit"])[:, 1]
    # Theirs takes the covariance within the classes, ours that of all: one direction for two.
    assert np.corrcoef(logit, theirs.decision_function(features))[0, 1] > 0.9999


def test_the_logit_keeps_its_mean_and_spread_and_the_map_its_sum(attended, learnable, train):
    signals = learnable.store.millivolts(train.rows)
    before = np.asarray(attended(signals)["logit"])[:, 1]
    refit_rare(attended, learnable.store, train, FEW + 1)
    answer = {name: np.asarray(part) for name, part in attended(signals).items()}
    after = answer["logit"][:, 1]
    assert after.mean() == pytest.approx(before.mean(), abs=1e-4)
    assert after.std() == pytest.approx(before.std(), rel=1e-4)
    total = answer["attribution"].sum(axis=(1, 2)) + answer["bias"]
    np.testing.assert_allclose(total, answer["logit"], atol=1e-4)


def test_a_record_of_which_a_label_is_not_asked_does_not_count(attended, learnable, train):
    truth = train.truth.copy()
    truth[::2, 1] = np.nan
    asked = ~np.isnan(truth[:, 1])
    alone = replace(train, rows=train.rows[asked], truth=truth[asked])
    begun = attended.get_weights()
    refit_rare(attended, learnable.store, replace(train, truth=truth), FEW + 1)
    found = weights_of(attended)
    attended.set_weights(begun)
    refit_rare(attended, learnable.store, alone, FEW + 1)
    np.testing.assert_allclose(found[0], weights_of(attended)[0], rtol=1e-4, atol=1e-6)


def test_the_mean_over_time_is_pooled_too(learnable, train):
    plain = build_model("signal_cam", samples=learnable.store.samples, labels=LABELS)
    assert refit_rare(plain, learnable.store, train, FEW + 1).tolist() == [1]
    signals = learnable.store.millivolts(train.rows)
    truth, logit = train.truth[:, 1] > 0.5, np.asarray(plain(signals)["logit"])[:, 1]
    assert logit[truth].mean() > logit[~truth].mean()


def test_labels_that_are_taken_of_more_keep_their_own_columns(attended, learnable, train):
    """Of a model for more labels, and of such a one of such a one."""
    some = of_labels(of_labels(attended, (2, 1, 0)), (0, 1))
    assert head_of(some)[1].tolist() == [2, 1]
    kernel, _ = weights_of(attended)
    narrow = replace(train, truth=train.truth[:, [2, 1]])
    assert refit_rare(some, learnable.store, narrow, FEW + 1).tolist() == [1]
    after, _ = weights_of(attended)
    assert not np.allclose(after[:, 1], kernel[:, 1])
    np.testing.assert_array_equal(after[:, [0, 2]], kernel[:, [0, 2]])


def test_a_label_that_the_features_do_not_show_keeps_its_weights(attended, learnable, train):
    quiet = replace(train, rows=np.full_like(train.rows, train.rows[0]))  # one record, many times
    before, _ = weights_of(attended)
    refit_rare(attended, learnable.store, quiet, FEW + 1)
    np.testing.assert_array_equal(weights_of(attended)[0], before)


@pytest.mark.parametrize("build", [
    partial(build_model, "additive_leads"),
    partial(build_model, "resnet"),
    partial(build_model, "cnn"),
])  # fmt: skip
def test_a_network_without_a_head_that_pools_is_refused_before_it_is_trained(
    build, learnable, tmp_path
):
    params = TrainParams(
        epochs=1, batch_size=32, learning_rate=0.01, schedule="constant", patience=1, seed=1, rare=9
    )
    training = Training(
        build, learnable.store, learnable.train, learnable.validation, params, None, tmp_path
    )
    with pytest.raises(ParameterError, match=r"train\.rare.*train\.rare=0"):
        run_training(training)
    assert not list(tmp_path.rglob("*.keras"))


def test_the_mean_of_crops_is_refused(learnable):
    build = partial(build_model, "signal_cam", labels=LABELS)
    model, _ = whole_and_cropped(build, learnable.store.samples, 100, "average")
    with pytest.raises(ParameterError, match="crop_test=whole"):
        head_of(model)


def test_platts_fit_is_that_of_its_definition():
    """The slope and shift that make the sum of p - target, plain and times the logit, zero."""
    rng = np.random.default_rng(2)
    truth = (np.arange(200) < 12).astype(np.float32)
    logit = rng.normal(2 * truth - 4)
    truth[-3:] = np.nan
    slope, shift = module._platt(logit, truth)
    asked = truth[:-3] > 0.5
    target = np.where(asked, 13 / 14, 1 / 187)
    left = 1 / (1 + np.exp(-slope * logit[:-3] - shift)) - target
    assert left.sum() == pytest.approx(0, abs=1e-3)
    assert (left * logit[:-3]).sum() == pytest.approx(0, abs=1e-2)
    assert slope > 0


def test_a_fit_that_would_turn_the_order_round_is_not_taken():
    truth = (np.arange(200) < 12).astype(np.float32)
    assert module._platt(-5 * truth, truth) == (1.0, 0.0)


def test_calibrated_probabilities_sum_to_the_records_and_keep_their_order(
    attended, learnable, train
):
    other = keras.models.clone_model(attended)
    other.set_weights([weight[::-1] for weight in attended.get_weights()])
    networks = [attended, other]
    for network in networks:
        refit_rare(network, learnable.store, train, FEW + 1)
    mean = mean_of(networks, "mean")
    signals = learnable.store.millivolts(train.rows)
    before = np.asarray(mean(signals)["logit"])
    calibrate_rare(mean, networks, learnable.store, train, FEW + 1)
    answer = {name: np.asarray(part) for name, part in mean(signals).items()}
    assert answer["probability"][:, 1].sum() == pytest.approx(FEW, rel=0.1)
    assert np.corrcoef(before[:, 1], answer["logit"][:, 1])[0, 1] == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        np.delete(answer["logit"], 1, axis=1), np.delete(before, 1, axis=1), atol=1e-5
    )
    total = answer["attribution"].sum(axis=(1, 2)) + answer["bias"]
    np.testing.assert_allclose(total, answer["logit"], atol=1e-4)


def test_networks_that_join_get_the_weights_too(learnable, tmp_path):
    keras.utils.clear_session()
    build = partial(build_model, "signal_cam", samples=learnable.store.samples)
    two = mean_of([build(labels=2), build(labels=2)], "signal_cam")
    two.save(tmp_path / "two.keras")
    params = TrainParams(
        epochs=1, batch_size=32, learning_rate=0.01, schedule="constant", patience=1, seed=1,
        ensemble=0, rare=100_000,
    )  # fmt: skip
    training = Training(
        partial(build_model, "signal_cam"), learnable.store, learnable.train, learnable.validation,
        params, None, tmp_path / "work", joined=(Joined(tmp_path / "two.keras"),),
    )  # fmt: skip
    plain = run_training(replace(training, params=replace(params, rare=0)))
    refitted = run_training(training)
    for mine, theirs in zip(members_of(refitted.model), members_of(plain.model), strict=True):
        assert not np.allclose(weights_of(mine)[0], weights_of(theirs)[0])
    assert refitted.val_auroc > plain.val_auroc
