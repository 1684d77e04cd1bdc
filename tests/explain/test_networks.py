"""A mean of networks, and a network that reads crops, are explained through what is inside."""

import keras
import numpy as np
import pytest
from tiny import outputs, randomised, signals

from ecglens.errors import ParameterError
from ecglens.explain import NamedModel, explain
from ecglens.explain.evaluator import Evaluator
from ecglens.explain.gradcam import rectified_mean, to_samples
from ecglens.explain.guided import guided_model, rectifiers
from ecglens.explain.networks import Network, choose_layers, networks_of
from ecglens.models.additive import AdditiveHead
from ecglens.models.crops import average_of_crops
from ecglens.models.ensemble import mean_of, of_labels

SAMPLES, CROP = 40, 16  # crops from the samples 0, 8, 16 and 24 on
CAMS = ("gradcam", "gradcam++", "guided_gradcam")


def network(seed, *, samples=SAMPLES, pool=1, inner=False, labels=2):
    """A pooled additive network, its rectifier a layer of its own or ``inner`` to another."""
    inputs = keras.Input((samples, 12))
    x = keras.layers.Conv1D(5, 3, padding="same", name="conv")(inputs)
    x = keras.layers.ReLU(name="relu")(x)
    name, activation = ("inner", "relu") if inner else ("outer", None)
    x = keras.layers.Conv1D(4, 3, padding="same", activation=activation, name=name)(x)
    if pool > 1:
        x = keras.layers.MaxPooling1D(pool, name="pool")(x)
    outputs = AdditiveHead(labels, samples, name="head")(x)
    return randomised(keras.Model(inputs, outputs, name="network"), seed)


def named(model):
    return NamedModel(model, ("A", "B"), 20)


def crops(seed, **options):
    return average_of_crops(network(seed, samples=CROP, **options), SAMPLES)


MODELS = {
    "mean of equal steps": lambda: mean_of([network(1), network(2), network(3)], "mean"),
    "mean of unequal steps": lambda: mean_of([network(1, pool=4), network(2, inner=True)], "mean"),
    "crops": lambda: crops(1, pool=2),
    "mean of crops and whole": lambda: mean_of([crops(1), network(2, pool=5)], "mean"),
    "mean with some of more labels": lambda: mean_of(
        [network(1), of_labels(network(2, labels=3), (2, 0))], "mean"
    ),
    "mean of a mean": lambda: mean_of([mean_of([network(1), network(2)], "a"), network(3)], "mean"),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return named(MODELS[request.param]())


def test_gradcam_is_the_positive_part_of_the_exact_map(model):
    x = signals(3, SAMPLES)
    exact = explain(model, x, method="additive").attribution
    cam = explain(model, x, method="gradcam", batch_size=2)
    assert (exact < 0).any() and (exact > 0).any()
    np.testing.assert_allclose(cam.attribution, np.maximum(exact, 0), atol=1e-6)
    assert cam.cost.gradient_passes == 6


@pytest.mark.parametrize("method", CAMS)
def test_each_record_has_a_map_of_its_own_whatever_else_is_asked(model, method):
    x = signals(3, SAMPLES)
    together = explain(model, x, "B", method).attribution
    assert together.shape == (3, SAMPLES, 12 if method == "guided_gradcam" else 1, 1)
    assert together.any()
    alone = explain(model, x[1:2], "B", method)
    np.testing.assert_allclose(together[1:2], alone.attribution, atol=1e-5)


def test_of_a_probability_gradcam_is_the_map_times_the_means_sigmoid_slope(model):
    x = signals(2, SAMPLES)
    logit = explain(model, x, method="gradcam")
    found = explain(model, x, method="gradcam", of="probability").attribution
    slope = logit.probability * (1 - logit.probability)
    np.testing.assert_allclose(found, logit.attribution * slope[:, None, None], atol=1e-6)


@pytest.mark.parametrize("of", ["logit", "probability"])
@pytest.mark.parametrize("method", CAMS)
def test_a_mean_of_equal_networks_has_the_map_of_one(method, of):
    x = signals(2, SAMPLES)
    for make in (lambda: network(1), lambda: network(1, pool=4), lambda: crops(1)):
        one, twice = (named(m) for m in (make(), mean_of([make(), make()], "twice")))
        maps = [explain(m, x, method=method, of=of).attribution for m in (one, twice)]
        np.testing.assert_allclose(*maps, rtol=1e-4, atol=1e-6)


def test_what_one_network_takes_away_the_other_cannot_leave_standing():
    x = signals(2, SAMPLES)
    for_it, against = network(1), network(1)
    head = against.get_layer("head")
    head.kernel.assign(-head.kernel)
    cam = explain(named(mean_of([for_it, against], "mean")), x, method="gradcam")
    np.testing.assert_allclose(cam.attribution, 0, atol=1e-7)


@pytest.mark.parametrize("pools", [(1, 1), (4, 1), (2, 5)])
def test_gradcam_plus_plus_is_the_mean_of_the_networks_own(pools):
    """After a rectifier neither features nor weights are negative: nothing is left to rectify."""
    x = signals(2, SAMPLES)
    members = [network(seed, pool=p, inner=True) for seed, p in enumerate(pools)]
    alone = [explain(named(m), x, method="gradcam++").attribution for m in members]
    found = explain(named(mean_of(members, "mean")), x, method="gradcam++").attribution
    np.testing.assert_allclose(found, np.mean(alone, axis=0), rtol=1e-4, atol=1e-6)


def test_the_gradient_is_the_mean_of_the_networks_own_and_adds_up_along_the_way(model):
    x = signals(2, SAMPLES)
    inner, expected = networks_of(model.model), np.zeros((2, SAMPLES, 12, 2))
    assert sum(n.weight for n in inner) == pytest.approx(1)
    for one in inner:
        length = one.model.input.shape[1]
        for start in one.starts or (0,):
            part = x[:, start : start + length]
            gradient = Evaluator(named(one.model), [0, 1]).gradient(part)
            expected[:, start : start + length] += one.slope * gradient
    found = Evaluator(model, [0, 1]).gradient(x)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    whole = explain(model, x, method="integrated_gradients", steps=200)
    assert (whole.completeness_error < 0.02 * np.abs(whole.logit).max()).all()


def test_guided_activations_of_nested_models_change_the_gradient_and_not_the_answer(model):
    x = signals(2, SAMPLES)
    guided = guided_model(model.model)
    for name, value in outputs(model.model, x).items():
        np.testing.assert_allclose(outputs(guided, x)[name], value, atol=1e-6)
    inner = [one.model for one in networks_of(model.model)]
    assert rectifiers(model.model) == sum(map(rectifiers, inner)) >= len(inner)
    evaluator = Evaluator(model, [0])
    plain, found = evaluator.gradient(x), evaluator.gradient(x, guided)
    assert np.abs(plain - found).max() > 0.1 * np.abs(plain).max()


@pytest.mark.parametrize("inner", [False, True])
def test_guided_backpropagation_through_a_mean_is_the_mean_of_the_networks_own(inner):
    x = signals(2, SAMPLES)
    members = [network(seed, inner=inner, pool=seed) for seed in (1, 2)]
    each = [Evaluator(named(m), [0, 1]).gradient(x, guided_model(m)) for m in members]
    for chosen in ([0], [0, 1]):
        mean = mean_of([members[k] for k in chosen], "mean")
        found = Evaluator(named(mean), [0, 1]).gradient(x, guided_model(mean))
        expected = np.mean([each[k] for k in chosen], axis=0)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_guided_copies_follow_the_weights_of_nested_models():
    member = network(1)
    mean, x = mean_of([member], "mean"), signals(1, SAMPLES)
    guided_model(mean)
    head = member.get_layer("head")
    head.kernel.assign(2 * head.kernel)
    np.testing.assert_allclose(outputs(guided_model(mean), x)["logit"], outputs(mean, x)["logit"])


def test_a_saved_mean_is_explained_as_before(tmp_path):
    mean, x = MODELS["mean of crops and whole"](), signals(2, SAMPLES)
    mean.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for method in CAMS:
        maps = [explain(named(m), x, method=method).attribution for m in (mean, loaded)]
        np.testing.assert_allclose(*maps, atol=1e-6)


def test_without_a_name_each_network_is_looked_at_in_its_own_last_layer():
    mean = mean_of([network(1, pool=4), network(2, inner=True)], "mean")
    assert choose_layers(mean) == ("pool", "inner")
    found = explain(named(mean), signals(1, SAMPLES), method="gradcam")
    assert found.details["layer"] == "pool, inner"


def test_a_layer_is_named_where_every_network_has_it():
    mean = mean_of([network(1, pool=4), network(2, inner=True)], "mean")
    found = explain(named(mean), signals(1, SAMPLES), method="gradcam", layer="relu")
    assert found.details["layer"] == "relu"
    found = explain(named(crops(1)), signals(1, SAMPLES), method="gradcam", layer="conv")
    assert found.attribution.shape == (1, SAMPLES, 1, 2)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("pool", "'pool', which 1 of its 2 networks have not; .*mean with a feature map. .*relu"),
        ("head", "'head', which has no feature map over time"),
        ("rely", "no layer 'rely'.*Did you mean \"relu\".*Known: conv, relu"),
        ("crops", "no layer 'crops'"),
    ],
)
def test_another_layer_is_refused_with_those_there_are(layer, message):
    mean = mean_of([crops(1, pool=4), network(2, inner=True)], "mean")
    with pytest.raises(ParameterError, match=message):
        explain(named(mean), signals(1, SAMPLES), method="gradcam", layer=layer)


def test_maps_with_and_without_leads_meet_without():
    rng = np.random.default_rng(0)
    over_time, by_lead = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 12, 20, 3))
    networks = [Network(None, 0.25), Network(None, 0.75)]
    found = rectified_mean(networks, [over_time, by_lead], SAMPLES)
    without = to_samples(by_lead, SAMPLES).sum(axis=2, keepdims=True)
    expected = np.maximum(0.25 * to_samples(over_time, SAMPLES) + 0.75 * without, 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
