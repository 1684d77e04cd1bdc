"""What every method promises on every model of the table, and on what is made of several."""

import numpy as np
import pytest
from tiny import TINY, randomised, signals, tiny

from ecglens.errors import ModelError
from ecglens.explain import METHODS, NamedModel, explain
from ecglens.models import is_additive
from ecglens.models.crops import average_of_crops
from ecglens.models.ensemble import mean_of

LABELS = ("A", "B", "C")
QUICK = {
    "smoothgrad": {"draws": 2},
    "integrated_gradients": {"steps": 4},
    "shapley": {"permutations": 2},
    "occlusion": {"window": 0.5, "stride": 0.5},
}
COMPLETE = [name for name, method in METHODS.items() if method.complete]


FAST = ("signal_cam", "cnn")  # additive, and not; the rest of the table takes minutes


def one(name, seed=1, **options):
    return randomised(tiny(name, labels=3, **options), seed)


def mean():
    """Of two architectures, whose last features have 25 and 50 steps."""
    return mean_of([one("signal_cam"), one("additive_resnet", 2)], "mean")


def crops():
    return average_of_crops(one("signal_cam", samples=80), 200)


COMPOSED = {"mean": mean, "crops": crops}


def table():
    slow = pytest.mark.slow
    single = [name if name in FAST else pytest.param(name, marks=slow) for name in TINY]
    return [*single, *COMPOSED]


@pytest.fixture(scope="module", params=table())
def named(request):
    name = request.param
    return NamedModel(COMPOSED[name]() if name in COMPOSED else one(name), LABELS, 100)


@pytest.fixture(scope="module")
def signal_cam():
    return NamedModel(one("signal_cam"), LABELS, 100)


def explained(named, method, x, labels=None, **options):
    if method == "additive" and not is_additive(named.model):
        pytest.skip("not additive")
    return explain(named, x, labels, method, **{**QUICK.get(method, {}), **options})


@pytest.mark.parametrize("method", METHODS)
def test_maps_have_the_shape_of_the_contract_and_the_labels_asked_for(named, method):
    x = signals(2, 200)
    x[0, 30:60, 4] = np.nan
    result = explained(named, method, x, ["C", "A"])
    records, samples, leads, labels = result.attribution.shape
    assert (records, samples, labels) == (2, 200, 2)
    assert leads in (1, 12)
    assert result.attribution.dtype == np.float32
    assert result.labels == ("C", "A")
    assert np.isfinite(result.attribution).all()
    assert np.isfinite(result.completeness_error).all()
    expected = np.asarray(named.model(x, training=False)["logit"])[:, [2, 0]]
    np.testing.assert_allclose(result.logit, expected, rtol=1e-3, atol=1e-4)
    assert result.cost.forward_passes + result.cost.gradient_passes > 0
    assert METHODS[method].signed or (result.attribution >= 0).all()


# A random map is drawn for all labels at once.
@pytest.mark.parametrize("method", [m for m in METHODS if m != "random"])
def test_a_label_is_explained_alike_alone_and_among_others(signal_cam, method):
    x = signals(1, 200)
    alone, among = (explained(signal_cam, method, x, labels) for labels in ("B", None))
    scale = np.abs(among.attribution).max() + 1e-6
    np.testing.assert_allclose(alone.map(0, "B") / scale, among.map(0, "B") / scale, atol=1e-4)


@pytest.mark.parametrize("method", [m for m in COMPLETE if m != "integrated_gradients"])
def test_complete_methods_add_up(named, method):
    result = explained(named, method, signals(2, 200))
    scale = np.maximum(1, np.abs(result.logit))
    assert (result.completeness_error <= 1e-4 * scale).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_record_without_any_signal_is_explained_and_said_to_be_flat(signal_cam, method):
    result = explained(signal_cam, method, np.zeros((1, 200, 12), np.float32))
    assert np.isfinite(result.attribution).all()
    assert any("flat in every lead" in note for note in result.notes)


def test_only_additive_models_are_explained_exactly(named):
    if is_additive(named.model):
        assert explain(named, signals(1, 200), method="additive").cost.forward_passes == 1
    else:
        with pytest.raises(ModelError, match="nearest method is 'integrated_gradients'"):
            explain(named, signals(1, 200), method="additive")
