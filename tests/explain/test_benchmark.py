"""The benchmark on a planted model: it looks at one lead, and the evidence is what it looks at."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops

from ecglens.errors import ParameterError
from ecglens.explain import METHODS, NamedModel
from ecglens.explain.benchmark import COLUMNS, Benchmark, Settings, against_evidence, spread_out
from ecglens.explain.faithfulness_cases import Cases, CaseSet
from ecglens.explain.faithfulness_summary import MEAN, MEASURES, summarise
from ecglens.models.additive import AdditiveHead
from ecglens.models.crops import average_of_crops
from ecglens.models.ensemble import mean_of
from ecglens.record import LEADS

RATE, SAMPLES, V1 = 100, 400, LEADS.index("V1")
SETTINGS = Settings(dear=3, steps=5, removals=6)


def planted(samples=SAMPLES):
    """A model whose label "spike" is the size of V1, moment by moment, and "flat" its opposite."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((samples, 12), name="millivolts")
    x = keras.layers.Conv1D(2, 1, name="look")(inputs)
    x = keras.layers.ReLU(name="relu")(x)
    model = keras.Model(inputs, AdditiveHead(2, samples, name="head")(x), name="planted")
    kernel = np.zeros((1, 12, 2), np.float32)
    kernel[0, V1, 0] = 1
    model.get_layer("look").set_weights([kernel, np.zeros(2, np.float32)])
    head = model.get_layer("head")
    head.kernel.assign(ops.convert_to_tensor([[40.0, -40.0], [0.0, 0.0]]))
    return NamedModel(model, ("spike", "flat"), RATE)


def case_set(records=8):
    rng = np.random.default_rng(0)
    signals = rng.normal(0, 0.01, (records, SAMPLES, 12)).astype(np.float32)
    evidence = np.zeros(signals.shape, bool)
    for number in range(records):
        start = 120 + 10 * number
        signals[number, start : start + 30, V1] += 1
        evidence[number, start : start + 30, V1] = True
    rows, judged = np.arange(records), np.ones((records, SAMPLES), bool)
    cases = Cases("spike", rows, evidence, judged)
    return CaseSet("planted", signals, 100 + rows, (cases,), {})


@pytest.fixture(scope="module")
def bench():
    return Benchmark(planted(), [case_set()], SETTINGS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def means(bench, folder):
    """The mean over labels, by method and measure."""
    values = bench.run(["additive", "gradient_x_input", "random"], folder)
    assert list(values.columns) == COLUMNS
    summary = summarise(values)
    return summary[summary.label == MEAN].set_index(["method", "measure"]).value


def test_a_map_of_what_the_model_looks_at_is_found_faithful(means):
    found = means["additive"]
    assert found["localisation_time"] > 0.9 and found["pointing_game_time"] == 1
    assert found["completeness_error"] < 1e-3 and found["infidelity"] < 0.05
    assert found["faithfulness_correlation"] > 0.95
    assert found["degradation_time_zero"] > 0.2


def test_a_random_map_is_not(means):
    found = means["random"]
    share = means["additive"]["evidence_share_time"]
    assert abs(found["localisation_time"] - share) < 0.05
    assert abs(found["degradation_time_zero"]) < 0.15
    assert abs(found["shift_correlation"]) < 0.2


def test_only_maps_that_tell_leads_apart_are_judged_by_lead(means):
    assert "localisation_lead" not in means["additive"]
    by_lead = means["gradient_x_input"]
    assert by_lead["localisation_lead"] > 0.9
    assert by_lead["evidence_share_lead"] == pytest.approx(30 / SAMPLES / 12)


def test_costs_are_a_record(means):
    assert means["additive"]["forward_passes"] == 1
    assert means["gradient_x_input"]["gradient_passes"] == 1
    assert (means.xs("milliseconds", level=1) > 0).all()


def test_every_measure_has_a_title(means):
    assert set(means.index.get_level_values(1)) <= set(MEASURES)


def test_what_a_run_has_finished_is_not_measured_again(bench, folder, means, monkeypatch):
    kept = pd.read_parquet(folder / "additive.parquet")
    monkeypatch.setattr(Benchmark, "_judge", lambda *_: pytest.fail("measured again"))
    again = Benchmark(planted(), [case_set()], SETTINGS).run(["additive"], folder)
    pd.testing.assert_frame_equal(again, kept)


@pytest.mark.parametrize("change", ["weights", "signals", "evidence", "settings"])
def test_results_of_another_question_are_not_kept(bench, change):
    model, cases, settings = planted(), case_set(), SETTINGS
    if change == "weights":
        model.model.get_layer("head").bias.assign([1.0, 0.0])
    elif change == "signals":
        cases.signals[0, 0, 0] += 1
    elif change == "evidence":
        cases.cases[0].evidence[0, 0, 0] = True
    else:
        settings = Settings(dear=3, steps=5, removals=7)
    assert Benchmark(model, [cases], settings).key != bench.key


def test_all_methods_that_fit_are_judged_without_a_choice(bench):
    assert {"additive", "gradcam", "saliency", "shapley", "random"} <= set(bench.methods())


@pytest.mark.parametrize("compose", ["mean", "crops"])
def test_every_method_on_layers_is_judged_on_a_model_of_several(compose, tmp_path):
    model = planted().model
    if compose == "mean":
        model = mean_of([model, planted().model], "mean")
    else:
        network = planted(SAMPLES // 2).model
        model = average_of_crops(network, SAMPLES)
    bench = Benchmark(NamedModel(model, ("spike", "flat"), RATE), [case_set()], SETTINGS)
    assert bench.methods() == list(METHODS)
    values = bench.run(["gradcam", "gradcam++", "guided_gradcam"], tmp_path)
    found = summarise(values).query("label == @MEAN").set_index(["method", "measure"]).value
    for name in ("gradcam", "gradcam++", "guided_gradcam"):
        assert found[name]["localisation_time"] > 0.9


def test_an_unknown_method_is_refused_with_the_nearest(bench):
    with pytest.raises(ParameterError, match='Did you mean "gradcam"'):
        bench.methods(["grad-cam"])


def test_a_method_that_does_not_fit_is_refused_with_those_that_do():
    model = planted().model
    bare = keras.Model(model.input, {n: model.output[n] for n in ("logit", "probability")})
    bench = Benchmark(NamedModel(bare, ("spike", "flat"), RATE), [case_set()], SETTINGS)
    assert "additive" not in bench.methods()
    with pytest.raises(ParameterError, match="needs an additive model"):
        bench.methods(["additive"])


def test_dear_records_are_spread_over_all():
    assert spread_out(9, 3).tolist() == [0, 4, 8]
    assert spread_out(2, 5).tolist() == [0, 1]


def test_a_map_over_time_and_leads_is_read_in_both_ways():
    cases = case_set(2).cases[0]
    found = against_evidence(cases.evidence.astype(float), cases)
    assert {name.rsplit("_", 1)[1] for name in found} == {"time", "lead"}
    assert found["localisation_lead"].tolist() == [1, 1]


def test_a_label_whose_evidence_is_nearly_everywhere_is_not_judged_against_it():
    cases = case_set(2).cases[0]
    values = cases.evidence.astype(float)
    cases.evidence[:] = True
    assert against_evidence(values, cases) == {}
