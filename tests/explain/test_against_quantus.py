"""Our measures against those of quantus 0.6, on the same small maps and a model of one layer.

quantus is for checks only, and takes no maps over time with labels as they come here, nor records'
windows: it is installed with the extra `checks`.
"""

import keras
import numpy as np
import pytest

from ecglens.explain import faithfulness as f
from ecglens.explain import faithfulness_removal as r

quantus = pytest.importorskip("quantus", reason="needs quantus: pip install 'ecglens[checks]'")

RECORDS, SAMPLES = 4, 50
QUIET = {"abs": False, "normalise": False, "disable_warnings": True, "display_progressbar": False}


@pytest.fixture(scope="module")
def sample():
    """Signals, maps and evidence, (records, samples, 12)."""
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(RECORDS, SAMPLES, 12)).astype(np.float32)
    maps = rng.normal(size=signals.shape)
    return signals, maps, rng.random(signals.shape) < 0.3


@pytest.fixture(scope="module")
def model():
    """Of two labels, without an activation: each logit is a weighted sum of the signal."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((1, SAMPLES, 12))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))


def asked(metric, signals, maps, evidence=None, model=None):
    """Return quantus' answer for label 0; it wants a channel before samples and leads."""
    evidence = None if evidence is None else evidence[:, None].astype(int)
    found = metric(
        model=model, x_batch=signals[:, None], y_batch=np.zeros(len(signals), int),
        a_batch=maps[:, None], s_batch=evidence, channel_first=True, softmax=False,
    )  # fmt: skip
    return np.array(found, float)


def exact(model, signals):
    return signals * model.get_weights()[0][:, 0].reshape(1, SAMPLES, 12)


def answer_of(model):
    return lambda signals: np.asarray(model(signals[:, None]))[:, 0]


def test_localisation_is_their_relevance_mass_accuracy_of_the_positive_part(sample):
    signals, maps, evidence = sample
    metric = quantus.RelevanceMassAccuracy(**QUIET)
    theirs = asked(metric, signals, np.maximum(maps, 0), evidence)
    np.testing.assert_allclose(f.localisation(maps, evidence), theirs, atol=1e-6)


def test_rank_accuracy_is_theirs(sample):
    signals, maps, evidence = sample
    theirs = asked(quantus.RelevanceRankAccuracy(**QUIET), signals, maps, evidence)
    np.testing.assert_allclose(f.rank_accuracy(maps, evidence), theirs, atol=1e-6)


def test_the_pointing_game_is_theirs(sample):
    signals, maps, evidence = sample
    inside = evidence.copy()
    inside[1] = maps[1] == maps[1].max()  # else no map of this sample hits
    theirs = asked(quantus.PointingGame(**QUIET), signals, maps, inside)
    assert f.pointing_game(maps, inside).tolist() == theirs.tolist() == [0, 1, 0, 0]


def test_the_curve_of_removals_is_their_pixel_flipping(sample, model):
    # A window of one sample and a cell a lead: their single features, in ten steps.
    signals = sample[0]
    metric = quantus.PixelFlipping(features_in_step=60, perturb_baseline="black", **QUIET)
    theirs = asked(metric, signals, exact(model, signals), model=model)
    one_sample = r.Removal(window=1, fill="zero", sampling_frequency=100)
    # "black" is the least value of the record there, 0 mV here.
    lowest = signals.min(axis=(1, 2))
    ours = [
        lowest_filled(model, signal[None], exact(model, signal[None]), one_sample, low)
        for signal, low in zip(signals, lowest, strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def lowest_filled(model, signal, maps, removal, low):
    """Return our curve with another filling: of the signal above its lowest value, less a shift."""
    shifted = r.degradation_curves(
        lambda x: answer_of(model)(x + low), signal - low, maps, removal, steps=10
    )
    return shifted.most_first[0, 1:]


def test_the_faithfulness_correlation_of_an_exact_map_is_one_by_both(sample, model):
    signals = sample[0]
    metric = quantus.FaithfulnessCorrelation(
        nr_runs=20, subset_size=150, perturb_baseline="black", return_aggregate=False, **QUIET
    )
    above = signals - signals.min()  # so that their "black" is 0 mV for the attribution
    theirs = asked(metric, above, exact(model, above), model=model)
    gone = r.draw_removals(RECORDS, 20, SAMPLES, seed=1)
    removal = r.Removal(window=1, fill="zero", sampling_frequency=100)
    drops = r.drops_of(answer_of(model), above, gone, removal)
    ours = f.faithfulness_correlation(r.shares_of(exact(model, above), gone, 1), drops)
    np.testing.assert_allclose(ours, 1, atol=1e-4)
    assert theirs.min() > 0.9
