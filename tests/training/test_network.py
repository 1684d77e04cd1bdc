"""What is trained: counts become millivolts, neighbours are mixed, averages follow by hand."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ecglens.losses import build_loss
from ecglens.models import build_model
from ecglens.record import MISSING, from_microvolts
from ecglens.training.network import Millivolts, RunningAUROC, Trainee, predictor_of_counts


def counts(batch, samples=50, seed=0):
    return np.random.default_rng(seed).integers(-2000, 2000, (batch, samples, 12)).astype(np.int16)


def numpy(value):
    return keras.ops.convert_to_numpy(value)


def small(labels=2):
    return build_model("signal_cam", samples=50, labels=labels, detrend_degree=0, scaling="none")


def test_millivolts_are_those_of_the_store_to_the_bit():
    given_counts = np.array([[-32767, -1, 0, 1, 2, 999, 32767, MISSING]], np.int16)
    np.testing.assert_array_equal(numpy(Millivolts()(given_counts)), from_microvolts(given_counts))


def test_the_predictor_gives_the_models_logit_of_counts():
    model, x = small(), counts(3)
    x[0, :20, 4] = MISSING
    expected = numpy(model(from_microvolts(x))["logit"])
    np.testing.assert_allclose(
        predictor_of_counts(model).predict(x, verbose=0), expected, atol=1e-6
    )


def test_outside_training_nothing_is_mixed_changed_or_averaged():
    model = small()
    trainee = Trainee(model, [keras.layers.GaussianNoise(1.0)], mixup=0.5, ema=0.9, seed=1)
    x = counts(4)
    before = [numpy(v) for v in trainee.variables]
    result = trainee(x, training=False)
    assert result.keys() == {"logit"}
    np.testing.assert_allclose(
        numpy(result["logit"]), numpy(model(from_microvolts(x))["logit"]), atol=1e-6
    )
    for variable, old in zip(trainee.variables, before, strict=True):
        np.testing.assert_array_equal(numpy(variable), old)


class Spy(keras.layers.Layer):
    """Keeps what a network was given."""

    def call(self, x):
        self.seen = x
        return x


class Louder(keras.layers.Layer):
    """Half as loud again, in training."""

    def call(self, x, training=False):
        return 1.5 * x if training else x


def test_each_record_is_mixed_with_its_neighbour_and_its_truth_alike():
    inputs = keras.Input((50, 12))
    spy = Spy()
    network = keras.Model(inputs, {"logit": keras.layers.Dense(2)(spy(inputs)[:, 0])})
    trainee = Trainee(network, mixup=0.4, seed=1)
    trainee.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    x, truth = counts(64), np.random.default_rng(1).integers(0, 2, (64, 2)).astype(np.float32)
    result = trainee(x, training=True)
    share = numpy(result["share"])
    assert share.shape == (64, 1) and (share >= 0).all() and (share <= 1).all()
    assert share.std() > 0.2  # drawn for each record
    signal = from_microvolts(x)
    mixed = share[..., None] * signal + (1 - share[..., None]) * np.roll(signal, 1, axis=0)
    np.testing.assert_allclose(numpy(spy.seen), mixed, atol=1e-5)

    both = share * truth + (1 - share) * np.roll(truth, 1, axis=0)
    logit = numpy(result["logit"]).astype(np.float64)
    expected = np.mean(np.logaddexp(0, logit) - both * logit)
    loss = float(trainee.compute_loss(x, truth, result, None, True))
    assert loss == pytest.approx(expected, rel=1e-4)


def test_mixing_asks_a_label_of_as_many_records_as_the_loss_counts_on():
    trainee = Trainee(small(), mixup=0.4, seed=1)
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, (64, 2)).astype(np.float32)
    truth[rng.random(64) < 0.6, 1] = np.nan
    trainee.compile("sgd", build_loss("bce", truth, label_smoothing=0.0, focal_gamma=2.0))
    x = counts(64)
    result = trainee(x, training=True)
    share, before = numpy(result["share"]), np.roll(truth, 1, axis=0)
    both = share * truth + (1 - share) * before
    both = np.where(np.isnan(before), truth, both)
    assert (np.isnan(both) == np.isnan(truth)).all()
    logit = numpy(result["logit"]).astype(np.float64)
    by_label = np.nanmean(np.logaddexp(0, logit) - both * logit, axis=0)
    loss = float(trainee.compute_loss(x, truth, result, None, True))
    assert loss == pytest.approx(by_label.mean(), rel=1e-4)


SMALL = {
    "signal_cam": {},
    "ecg_xplaim": {"filters": (2, 3, 4), "kernels": (2, 5, 8)},
    "ecg_imn": {"filters": (2, 3, 4), "kernel": 5, "widths": (3, 2)},
}


@pytest.mark.parametrize("name", SMALL)
def test_what_stands_behind_the_conditioning_is_not_scaled_away(name):
    model = build_model(
        name, samples=100, labels=2, **SMALL[name], detrend_degree=3, scaling="lead"
    )
    x, spy = counts(8, samples=100), Spy()
    behind = Trainee(model, [Louder(), lambda x, training: spy(x)], behind=True)
    behind(x, training=True)
    peaks = np.abs(numpy(spy.seen)).max(axis=1)
    np.testing.assert_allclose(peaks, 1.5, rtol=1e-3)
    # As it is applied nothing is changed; by then the step above moved BatchNorm's statistics.
    plain = numpy(model(from_microvolts(x))["logit"])
    np.testing.assert_allclose(numpy(behind(x)["logit"]), plain, atol=1e-5)
    # Before the conditioning the scaling to [-1, 1] undoes it.
    louder = numpy(Louder()(from_microvolts(x), training=True))
    np.testing.assert_allclose(numpy(model(louder)["logit"]), plain, atol=1e-3)


def test_crops_are_drawn_before_what_stands_behind_the_conditioning():
    model = small()
    network = build_model(
        "signal_cam", samples=50, crop=20, labels=2, detrend_degree=0, scaling="lead"
    )
    network.set_weights(model.get_weights())
    spy = Spy()
    Trainee(network, [lambda x, training: spy(x)], behind=True)(counts(4), training=True)
    seen = numpy(spy.seen)
    assert seen.shape == (4, 20, 12) and np.abs(seen).max() <= 1 + 1e-6


def test_a_models_own_penalty_is_counted_in():
    class Penalised(keras.layers.Layer):
        def call(self, x):
            self.add_loss(0.25 + 0 * keras.ops.sum(x))
            return x

    inputs = keras.Input((50, 12))
    logit = keras.layers.Dense(2)(Penalised()(inputs)[:, 0])
    trainee = Trainee(keras.Model(inputs, {"logit": logit}))
    trainee.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    x, truth = counts(4), np.ones((4, 2), np.float32)
    result = trainee(x, training=True)
    plain = float(np.mean(np.logaddexp(0, -numpy(result["logit"]))))
    total = float(trainee.compute_loss(x, truth, result, None, True))
    assert total == pytest.approx(plain + 0.25, rel=1e-4)


@pytest.mark.parametrize("ema", [0.0, 0.6])
def test_averages_follow_weights_and_statistics_step_by_step(ema):
    trainee = Trainee(small(), ema=ema, seed=1)
    trainee.compile(keras.optimizers.SGD(0.1), keras.losses.BinaryCrossentropy(from_logits=True))
    truth = np.eye(2, dtype=np.float32)[[0, 1] * 8]
    averages = [numpy(w) for w in trainee.network.weights]
    for step in range(1, 6):
        stood = [numpy(w) for w in trainee.network.weights]
        moved = trainee.network
        trainee.train_on_batch(counts(16, seed=step), truth)
        # Trainable weights are averaged as they stood before the step; statistics of BatchNorm move
        # in the step itself, before the averages do.
        now = [numpy(w) for w in moved.weights]
        read = [
            before if weight.trainable else after
            for weight, before, after in zip(moved.weights, stood, now, strict=True)
        ]
        decay = min(ema, (1 + step) / (10 + step))
        averages = [a + (1 - decay) * (w - a) for a, w in zip(averages, read, strict=True)]
    kept = trainee.kept_weights()
    expected = averages if ema else [numpy(w) for w in trainee.network.weights]
    for found, wanted in zip(kept, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert bool(ema) != np.array_equal(kept[0], numpy(trainee.network.weights[0]))


def running(truth, logit, batches=3):
    metric = RunningAUROC(truth.shape[1])
    for t, x in zip(np.array_split(truth, batches), np.array_split(logit, batches), strict=True):
        metric.update_state(t, x)
    return float(metric.result())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9999), offset=st.sampled_from([0.0, -7.0]))
def test_the_running_auroc_is_the_exact_one_to_a_thousandth(seed, offset):
    rng = np.random.default_rng(seed)
    truth = (rng.random((300, 3)) < 0.3).astype(np.float32)
    truth[:2] = [[0, 0, 0], [1, 1, 1]]
    logit = (rng.normal(0, 2, (300, 3)) + truth + offset).astype(
        np.float32
    )  # rare: all far below 0
    assert running(truth, logit) == pytest.approx(roc_auc_score(truth, logit), abs=2e-3)


def test_a_label_that_an_epoch_did_not_show_is_left_out_and_soft_truths_have_a_side():
    truth = np.array([[1.0, 0], [0, 0], [0.9, 0], [0.2, 0]], np.float32)
    logit = np.array([[3.0, 1], [0, 2], [1, 3], [2, 4]], np.float32)
    assert running(truth, logit, batches=1) == pytest.approx(0.75)
    metric = RunningAUROC(2)
    metric.update_state(truth, logit)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_the_running_auroc_leaves_out_what_was_not_asked():
    rng = np.random.default_rng(5)
    truth = (rng.random((200, 2)) < 0.4).astype(np.float32)
    logit = rng.normal(0, 2, (200, 2)).astype(np.float32) + truth
    truth[120:, 1] = np.nan
    each = (roc_auc_score(truth[:, 0], logit[:, 0]), roc_auc_score(truth[:120, 1], logit[:120, 1]))
    assert running(truth, logit) == pytest.approx(np.mean(each), abs=2e-3)
