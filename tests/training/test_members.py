"""Trainings as parameters ask for them: ensembles, fine-tuning, and where their progress stands."""

from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from ecglens.errors import ModelError, ParameterError
from ecglens.evaluation.metrics import macro_auroc
from ecglens.models import build_model, load_model
from ecglens.models.ensemble import Joined, mean_of, of_labels
from ecglens.train_params import TrainParams
from ecglens.training import Training, make_reproducible, members, run_training
from ecglens.training.tuning import head_places, only_head, take_weights

PARAMS = TrainParams(
    epochs=2, batch_size=32, learning_rate=0.01, schedule="constant", patience=20, seed=3
)
build = partial(build_model, "signal_cam", detrend_degree=0, scaling="none")


@pytest.fixture
def training(learnable, tmp_path):
    keras.utils.clear_session()
    return Training(
        build, learnable.store, learnable.train, learnable.validation, PARAMS, None, tmp_path
    )


def logits(model, signals):
    return np.asarray(model(signals)["logit"])


@pytest.mark.slow
def test_an_ensemble_is_the_mean_of_what_its_seeds_alone_would_be(training, learnable):
    entered = []

    @contextmanager
    def member(seed):
        entered.append(seed)
        yield

    both = run_training(replace(training, params=replace(PARAMS, ensemble=2)), member)
    assert entered == [3, 4]
    alone = [run_training(replace(training, params=replace(PARAMS, seed=s))) for s in (3, 4)]
    signals = learnable.store.millivolts(learnable.validation.rows)
    each = [logits(one.model, signals) for one in alone]
    np.testing.assert_allclose(logits(both.model, signals), np.mean(each, axis=0), atol=1e-4)
    expected = macro_auroc(learnable.validation.truth, np.mean(each, axis=0))
    assert both.val_auroc == pytest.approx(expected, abs=1e-6)
    assert both.history["val_auroc"] == pytest.approx(
        np.mean([one.history["val_auroc"] for one in alone], axis=0)
    )
    assert both.figures["parameters"] == 2 * alone[0].figures["parameters"]


def test_the_head_is_what_follows_the_labels():
    places = head_places(build, 200, 2)
    names = [
        weight.path for k, weight in enumerate(build(samples=200, labels=2).weights) if k in places
    ]
    assert names == ["head/kernel", "head/bias"]


@pytest.fixture
def trained_file(tmp_path):
    """A model of three labels with drawn weights."""
    model = build(samples=200, labels=3)
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.5, 1, w.shape) for w in model.get_weights()])
    model.save(tmp_path / "trained.keras")
    return tmp_path / "trained.keras", model


def test_a_new_head_is_left_as_it_was_made_and_all_else_is_taken(trained_file):
    path, trained = trained_file
    model = build(samples=200, labels=2)
    before = model.get_weights()
    head = head_places(build, 200, 2)
    take_weights(model, path, head, new_head=True)
    for place, (now, was, theirs) in enumerate(
        zip(model.get_weights(), before, trained.get_weights(), strict=True)
    ):
        np.testing.assert_array_equal(now, was if place in head else theirs)


def test_a_kept_head_is_taken_where_labels_fit_and_refused_where_they_do_not(trained_file):
    path, trained = trained_file
    model = build(samples=200, labels=3)
    take_weights(model, path, head_places(build, 200, 3), new_head=False)
    for now, theirs in zip(model.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(now, theirs)
    with pytest.raises(ParameterError, match=r"trained for 3 labels; expected 2.*train\.head=new"):
        take_weights(build(samples=200, labels=2), path, head_places(build, 200, 2), new_head=False)


def test_another_architecture_is_refused(tmp_path):
    inputs = keras.Input((200, 12))
    keras.Model(inputs, keras.layers.Dense(3)(inputs), name="other").save(tmp_path / "o.keras")
    with pytest.raises(ModelError, match=r"other with 39 weights; expected signal_cam with 22,"):
        take_weights(build(samples=200, labels=2), tmp_path / "o.keras", set(), new_head=True)


def test_only_the_head_is_trained_meanwhile_and_all_after():
    model = build(samples=200, labels=2)
    count = len(model.trainable_variables)
    with only_head(model, head_places(build, 200, 2)):
        assert [w.path for w in model.trainable_variables] == ["head/kernel", "head/bias"]
    assert len(model.trainable_variables) == count > 2


def test_fine_tuning_begins_with_the_trained_weights_and_a_frozen_body_stays(
    training, trained_file
):
    path, trained = trained_file
    # The head's own epochs have no cycle, whatever the others have.
    cycle = {"schedule": "one_cycle", "momentum": "cycle"}
    frozen = replace(PARAMS, head="new", freeze_epochs=1, epochs=1, learning_rate=1e-12, **cycle)
    result = run_training(replace(training, params=frozen, start=path))
    body = zip(result.model.weights[:-2], trained.weights[:-2], strict=True)
    for now, begun in body:
        if "moving" not in now.path:  # the last epoch trains all, and moves BatchNorm's statistics
            np.testing.assert_allclose(now, begun, atol=1e-6)
    assert result.figures["epochs"] == 1


@pytest.mark.parametrize("statistics", ["moving", "renewed"])
def test_frozen_epochs_leave_the_body_and_move_the_head(
    training, trained_file, monkeypatch, statistics
):
    path, trained = trained_file
    seen = []
    fit = members.fit

    def spy(model, *rest, **options):
        history = fit(model, *rest, **options)
        seen.append([np.array(weight) for weight in model.weights])
        return history

    monkeypatch.setattr(members, "fit", spy)
    params = replace(PARAMS, head="new", freeze_epochs=2, statistics=statistics)
    run_training(replace(training, params=params, start=path))
    alone, whole = seen
    for now, begun in zip(alone[:-2], trained.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(now, begun)
    make_reproducible(PARAMS.seed)
    fresh = build(samples=200, labels=2)
    assert not np.array_equal(alone[-2], np.array(fresh.weights[-2]))
    assert not np.array_equal(whole[0], alone[0])


def test_the_folder_of_the_progress_follows_all_that_the_outcome_depends_on(
    training, trained_file, learnable
):
    path, _ = trained_file
    others = [
        replace(training, params=replace(PARAMS, seed=4)),
        replace(training, start=path),
        replace(training, joined=(Joined(path),)),
        replace(training, crop=100),
        replace(training, build=partial(build_model, "signal_cam", detrend_degree=2)),
        replace(training, store=replace(learnable.store, sha256="other")),
    ]
    folders = {one.folder for one in (training, *others)}
    assert len(folders) == 7


@pytest.mark.slow
def test_trained_models_join_as_they_are_and_each_network_counts_once(
    training, learnable, tmp_path
):
    two = run_training(replace(training, params=replace(PARAMS, ensemble=2)))
    two.model.save(tmp_path / "two.keras")
    third = replace(training, params=replace(PARAMS, seed=5))
    alone = run_training(third)
    joined = run_training(replace(third, joined=(Joined(tmp_path / "two.keras"),)))
    signals = learnable.store.millivolts(learnable.validation.rows)
    expected = (2 * logits(two.model, signals) + logits(alone.model, signals)) / 3
    np.testing.assert_allclose(logits(joined.model, signals), expected, atol=1e-4)
    assert joined.figures["parameters"] == 3 * alone.figures["parameters"]
    assert joined.val_auroc == pytest.approx(
        macro_auroc(learnable.validation.truth, expected), abs=1e-6
    )
    assert joined.history == alone.history
    alone.model.save(tmp_path / "third.keras")
    nothing_trained = replace(PARAMS, ensemble=0)
    files = tuple(Joined(tmp_path / f"{name}.keras") for name in ("two", "third"))
    mean = run_training(replace(training, params=nothing_trained, joined=files))
    np.testing.assert_allclose(logits(mean.model, signals), expected, atol=1e-4)
    assert mean.history == {"val_auroc": [mean.val_auroc]}


def test_a_model_whose_attribution_has_another_shape_cannot_join():
    one, leads = (
        build_model(name, samples=200, labels=2, sampling_frequency=100, dropout=0.0)
        for name in ("additive_resnet", "additive_leads")
    )
    with pytest.raises(ModelError, match=r"additive_leads: found .*200, 12, 2.*200, 1, 2"):
        mean_of([one, leads], "mean")


@pytest.mark.parametrize("name", ["signal_cam", "cnn"])
def test_a_model_answers_some_of_its_labels_as_it_answers_all(name, tmp_path):
    model = build_model(name, samples=200, labels=4)
    of_labels(model, (3, 1)).save(tmp_path / "some.keras")
    signals = np.random.default_rng(3).normal(size=(3, 200, 12)).astype(np.float32)
    some, every = load_model(tmp_path / "some.keras")(signals), model(signals)
    assert set(some) == set(every)
    for part, value in every.items():
        np.testing.assert_allclose(some[part], np.asarray(value)[..., [3, 1]], atol=1e-6)


def test_a_label_that_a_model_does_not_have_is_an_error():
    model = build_model("signal_cam", samples=200, labels=4)
    with pytest.raises(ModelError, match="signal_cam: found 4 labels; expected at least 5"):
        of_labels(model, (0, 4))


def test_a_model_of_more_labels_joins_a_mean_by_those_that_it_shares(training, learnable, tmp_path):
    wide = build_model("signal_cam", samples=learnable.store.samples, labels=3)
    wide.save(tmp_path / "wide.keras")
    labels = learnable.validation.truth.shape[1]
    columns = tuple(range(labels))[::-1]
    joined = (Joined(tmp_path / "wide.keras", columns),)
    mean = run_training(replace(training, params=replace(PARAMS, ensemble=0), joined=joined))
    signals = learnable.store.millivolts(learnable.validation.rows)
    expected = logits(wide, signals)[:, list(columns)]
    np.testing.assert_allclose(logits(mean.model, signals), expected, atol=1e-4)


def test_a_mean_of_models_that_are_not_additive_has_no_attribution(tmp_path):
    pair = [build_model("cnn", samples=200, labels=2) for _ in range(2)]
    mean_of(pair, "mean").save(tmp_path / "mean.keras")
    signals = np.random.default_rng(2).normal(size=(3, 200, 12)).astype(np.float32)
    found = load_model(tmp_path / "mean.keras")(signals)
    assert set(found) == {"probability", "logit"}
    expected = np.mean([logits(one, signals) for one in pair], axis=0)
    np.testing.assert_allclose(found["logit"], expected, atol=1e-5)
    np.testing.assert_allclose(found["probability"], 1 / (1 + np.exp(-expected)), atol=1e-5)
    with pytest.raises(ModelError, match=r"signal_cam: found .*attribution"):
        mean_of([pair[0], build(samples=200, labels=2)], "mean")


@pytest.fixture
def beside(learnable, training):
    """A training of label A of all records, beside which B is learnt of every second."""
    rng = np.random.default_rng(4)

    def widened(split):
        first, second = split.truth[:, :1], split.truth[:, 1:].copy()
        second[rng.random(len(second)) < 0.5] = np.nan
        return replace(split, truth=np.concatenate([first, second], axis=1))

    parts = {"train": widened(learnable.train), "validation": widened(learnable.validation)}
    return replace(training, **parts, own=1)


def test_what_is_learnt_beside_has_a_model_of_its_own(beside, learnable):
    trained = run_training(beside)
    assert trained.model.output["logit"].shape[-1] == trained.beside.output["logit"].shape[-1] == 1
    signals = learnable.store.millivolts(learnable.validation.rows)
    found = macro_auroc(learnable.validation.truth[:, :1], logits(trained.model, signals))
    assert trained.val_auroc == pytest.approx(found, abs=1e-6)  # of its own label alone
    answer = trained.beside(signals)
    asked = ~np.isnan(beside.validation.truth[:, 1])
    others = macro_auroc(learnable.validation.truth[asked, 1:2], np.asarray(answer["logit"])[asked])
    assert trained.figures["beside_val_auroc"] == pytest.approx(others, abs=1e-6)
    total = np.asarray(answer["attribution"]).sum(axis=(1, 2)) + np.asarray(answer["bias"])
    np.testing.assert_allclose(total, answer["logit"], atol=1e-4)
    assert beside.folder != replace(beside, own=None).folder


@pytest.mark.slow
def test_an_ensemble_has_the_mean_of_what_was_learnt_beside(beside, learnable):
    both = run_training(replace(beside, params=replace(PARAMS, ensemble=2)))
    alone = [run_training(replace(beside, params=replace(PARAMS, seed=s))) for s in (3, 4)]
    signals = learnable.store.millivolts(learnable.validation.rows)
    for name in ("model", "beside"):
        each = [logits(getattr(one, name), signals) for one in alone]
        found = logits(getattr(both, name), signals)
        np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-4)


def test_nothing_is_beside_a_task_by_itself(training):
    trained = run_training(training)
    assert trained.beside is None
    assert "beside_val_auroc" not in trained.figures
