"""One fit: what is read, that it learns, which epoch stays, and that it can be repeated."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from ecglens.models import build_model
from ecglens.models.parallel import ParallelConvolutions
from ecglens.params import TrainParams
from ecglens.training import EpochLogger, fit, make_reproducible
from ecglens.training.data import training_batches
from ecglens.training.fit import compiled_trainee

PARAMS = TrainParams(
    epochs=10, batch_size=16, learning_rate=0.01, schedule="cosine", patience=20, seed=1
)


def small_model(store):
    return build_model("signal_cam", samples=store.samples, labels=2)


def weights(model):
    return [w.value.numpy() for w in model.weights]


class Witness(keras.callbacks.Callback):
    """Keeps each epoch's weights and learning rate; before one epoch it turns the head round."""

    def __init__(self, network, spoilt_epoch):
        super().__init__()
        self.network, self.spoilt_epoch = network, spoilt_epoch
        self.weights, self.rates = [], []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.spoilt_epoch:
            kernel = self.network.get_layer("head").kernel
            kernel.assign(-30 * kernel)

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(weights(self.network))
        self.rates.append(float(self.model.optimizer.learning_rate))


class Biased(Witness):
    """Makes every record positive for all labels before one epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.spoilt_epoch:
            bias = self.network.get_layer("head").bias
            bias.assign(bias + 30)


@pytest.fixture(scope="module")
def fitted(learnable, tmp_path_factory):
    """A fit of ten epochs whose last two are spoilt, and what was seen of it."""
    make_reproducible(1)
    model, logged = small_model(learnable.store), {}
    witness = Witness(model, spoilt_epoch=8)
    tracker = EpochLogger(lambda values, step: logged.update({step: values}))
    history = fit(
        model, learnable.store, learnable.train, learnable.validation, PARAMS,
        work=tmp_path_factory.mktemp("fit"),
        callbacks=[witness, tracker],
    )  # fmt: skip
    return SimpleNamespace(model=model, history=history, witness=witness, logged=logged)


def test_the_loss_falls_and_unseen_records_are_told_apart(fitted):
    history = fitted.history
    assert set(history) == {"loss", "auroc", "val_loss", "val_auroc"}
    assert len(history["loss"]) == PARAMS.epochs
    assert history["loss"][7] < 0.5 * history["loss"][0]
    assert max(history["val_auroc"]) > 0.95


def test_the_best_epoch_is_left_in_the_model_and_not_the_last(fitted):
    best = int(np.argmax(fitted.history["val_auroc"]))
    assert best < 8
    kept = fitted.witness.weights
    for left, at_best in zip(weights(fitted.model), kept[best], strict=True):
        np.testing.assert_array_equal(left, at_best)
    assert not np.array_equal(kept[best][0], kept[-1][0])


@pytest.mark.parametrize(("best_by", "choose"), [("loss", np.argmin), ("accuracy", np.argmax)])
def test_loss_or_accuracy_of_the_validation_records_can_decide_which_epoch_is_best(
    learnable, tmp_path, best_by, choose
):
    make_reproducible(1)
    model, store, validation = small_model(learnable.store), learnable.store, learnable.validation
    witness = Biased(model, spoilt_epoch=2)  # which AUROC does not see
    params = replace(PARAMS, epochs=5, best_by=best_by)
    history = fit(
        model, store, learnable.train, validation, params, work=tmp_path, callbacks=[witness]
    )
    assert ("val_accuracy" in history) is (best_by == "accuracy")
    found = int(choose(history[f"val_{best_by}"]))
    assert found < 2 <= int(np.argmax(history["val_auroc"]))
    for left, at_best in zip(weights(model), witness.weights[found], strict=True):
        np.testing.assert_array_equal(left, at_best)
    if best_by == "accuracy":
        logit = model.predict(store.millivolts(validation.rows), verbose=0)["logit"]
        expected = np.mean((logit > 0) == (validation.truth > 0.5))
        assert history["val_accuracy"][found] == pytest.approx(expected, abs=1e-6)


def test_the_learning_rate_falls_along_half_a_cosine_over_all_epochs(fitted):
    last = PARAMS.epochs
    expected = [0.01 * (1 + np.cos(np.pi * epoch / last)) / 2 for epoch in range(1, last + 1)]
    assert fitted.witness.rates == pytest.approx(expected, abs=1e-7)


def test_every_epoch_is_handed_to_the_tracker_counted_from_one(fitted):
    for name, values in fitted.history.items():
        assert [fitted.logged[step][name] for step in range(1, PARAMS.epochs + 1)] == values


def test_the_fit_ends_when_patience_does(learnable, tmp_path):
    make_reproducible(1)
    model = small_model(learnable.store)
    witness = Witness(model, spoilt_epoch=None)
    history = fit(
        model, learnable.store, learnable.train, learnable.validation,
        replace(PARAMS, epochs=30, patience=2, schedule="constant", learning_rate=1e-9),
        work=tmp_path, callbacks=[witness],
    )  # fmt: skip
    scores = history["val_auroc"]
    assert len(scores) == int(np.argmax(scores)) + 1 + 2 < 30
    assert witness.rates == pytest.approx([1e-9] * len(scores))  # a constant schedule stays


def test_one_seed_gives_equal_weights_and_another_seed_others(learnable, tmp_path):
    def trained(seed):
        make_reproducible(seed)
        model = small_model(learnable.store)
        fit(
            model, learnable.store, learnable.train, learnable.validation,
            replace(PARAMS, epochs=2, seed=seed), work=tmp_path,
        )  # fmt: skip
        return weights(model)

    first, again, other = trained(3), trained(3), trained(4)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX compiles all by XLA")
def test_steps_compiled_by_xla_can_be_repeated_and_learn_what_others_learn(learnable):
    once, loss = learnt_by_xla(learnable)
    again, _ = learnt_by_xla(learnable)
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)
    _, without = learnt_by_xla(learnable, wanted=False)
    assert loss == pytest.approx(without, rel=1e-4)


def learnt_by_xla(learnable, wanted=True):
    """Return weights and loss of ECG-XPLAIM after four steps, its convolutions done by blocks."""
    make_reproducible(1)
    store, train = learnable.store, learnable.train
    model = build_model(
        "ecg_xplaim", samples=store.samples, labels=2, filters=(2, 3, 4), kernels=(2, 5, 8)
    )
    for layer in model.layers:
        if isinstance(layer, ParallelConvolutions):
            layer.by_blocks = True
    trainee = compiled_trainee(model, store, train, replace(PARAMS, optimizer="adamw"), 4)
    assert trainee.jit_compile
    trainee.xla = wanted
    assert trainee.jit_compile == wanted
    batches = training_batches(store, train, 16, seed=1)
    history = trainee.fit(batches, steps_per_epoch=4, shuffle=False, verbose=0).history
    return weights(model), history["loss"][0]
