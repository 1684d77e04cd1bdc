"""Bad input to the explanations: what is wrong, and what would be right."""

import numpy as np
import pytest
from tiny import randomised, signals, tiny

from ecglens.errors import LabelError, ModelError, ParameterError, RecordError
from ecglens.explain import METHODS, NamedModel, explain
from ecglens.explain.parts import Part
from ecglens.explain.whatif import smallest_flip, top_leads, top_segments, what_if
from ecglens.inference import Predictor
from ecglens.record import Record


@pytest.fixture(scope="module")
def named():
    return NamedModel(randomised(tiny("signal_cam"), 1), ("NORM", "CLBBB"), 100)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"method": "gradcm"}, ParameterError, 'no method .gradcm.*Did you mean "gradcam"'),
        ({"labels": ["LBBB"]}, LabelError, 'no label .LBBB.*Did you mean "CLBBB".*NORM'),
        ({"labels": []}, ParameterError, "an empty list.*CLBBB, NORM"),
        ({"method": "gradcam", "layer": "relu4"}, ParameterError, 'Did you mean "relu_4".*conv_1'),
        ({"method": "gradcam", "layer": "head"}, ParameterError, "no feature map over time"),
        ({"method": "saliency", "step": 3}, ParameterError, "no option .step.*takes none"),
        ({"method": "smoothgrad", "draw": 3}, ParameterError, 'Did you mean "draws"'),
        ({"method": "smoothgrad", "draws": 0}, ParameterError, "at least 1"),
        ({"method": "occlusion", "by": "beat"}, ParameterError, "lead, lead_window, wave, window"),
        ({"method": "occlusion", "fill": "noise"}, ParameterError, "beat, bridge, mean, zero"),
        ({"method": "occlusion", "window": 0.001}, ParameterError, "at least a sample, 0.01 s"),
        ({"method": "occlusion", "stride": 1.0}, ParameterError, "at most the window"),
        ({"method": "shapley", "permutations": 1}, ParameterError, "at least 2"),
        ({"method": "integrated_gradients", "baseline": "noise"}, ParameterError, "median, zero"),
        ({"of": "odds"}, ParameterError, "logit, probability"),
        ({"of": "probability"}, ModelError, "of='logit'"),
        ({"batch_size": 0}, ParameterError, "at least 1"),
        ({"batch_size": 1.5}, ParameterError, "batch_size: found 1.5; expected a whole number"),
        (
            {"method": "integrated_gradients", "steps": 64.0},
            ParameterError,
            r"whole.* 1\. Say 64\.",
        ),
        ({"method": "shapley", "way": "exact", "permutations": 2.5}, ParameterError, "a whole"),
        ({"method": "occlusion", "by": "lead", "window": "a"}, ParameterError, "window: found 'a'"),
        ({"method": "gradcam", "layer": ""}, ParameterError, "no layer ''"),
        ({"method": "gradcam", "layer": ["relu_4"]}, ParameterError, "no layer .*relu_4"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(named, change, error, words):
    with pytest.raises(error, match=words):
        explain(named, signals(1, 200), **change)


# What no number among the options may be, and what none that counts.
NO_NUMBERS = ("a", "1", None, True, [1], -1, float("nan"), float("inf"), 10**400)
NO_COUNTS = (*NO_NUMBERS, 2.5)
NUMBERS = [
    (method, option, value)
    for method, entry in METHODS.items()
    for option, default in entry.options({}, method).items()
    if isinstance(default, int | float)
    for value in (NO_COUNTS if isinstance(default, int) else NO_NUMBERS)
]


def test_the_numbers_among_the_options_are_found():
    options = {option for _, option, _ in NUMBERS}
    assert options == {"draws", "noise", "seed", "steps", "window", "stride", "permutations"}


@pytest.mark.parametrize(("method", "option", "value"), NUMBERS, ids=lambda part: str(part)[:20])
def test_an_option_that_is_a_number_is_given_one_that_means_something(named, method, option, value):
    words = rf"^{option}: found .*; expected a (whole|finite) number of at least"
    with pytest.raises(ParameterError, match=words):
        explain(named, signals(1, 200), method=method, **{option: value})


@pytest.mark.parametrize("k", [-1, 0, 1.5, True, "3"])
def test_a_ranking_is_of_a_count_of_parts(named, k):
    found = explain(named, signals(1, 200), "NORM", "gradient_x_input")
    for rank in (top_leads, top_segments):
        with pytest.raises(ParameterError, match=r"k: found .*; expected a whole number of at"):
            rank(found, 0, "NORM", k)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Record(signals(1, 200)[0], 500, "a", "a.hea"), r"a\.hea.*500 Hz.*resampled\(100\)"),
        (Record(signals(1, 1)[0], 100, "a", "a.hea"), r"a\.hea: found 1 samples.*200"),
        (signals(1, 200)[0], r"shape \(200, 12\).*records, 200, 12"),
        (np.zeros((0, 200, 12)), "at least one record"),
        ([], "found none"),
        (np.full((1, 200, 12), np.inf), "infinite"),
    ],
)
def test_a_record_that_does_not_fit_the_model_is_refused(named, record, words):
    with pytest.raises(RecordError, match=words):
        explain(named, record)


def test_a_bare_model_does_not_say_what_its_outputs_mean(named):
    with pytest.raises(ModelError, match="NamedModel"):
        explain(named.model, signals(1, 200))
    with pytest.raises(ModelError, match="2 outputs for 3 labels"):
        NamedModel(named.model, ("A", "B", "C"), 100)


def test_an_exported_model_has_no_gradients_but_an_exact_explanation(exported):
    predictor = Predictor(exported.file)
    x = exported.signals[:2]
    result = explain(predictor, x, ["CLBBB"])
    np.testing.assert_allclose(
        result.attribution, predictor.run(x)["attribution"][..., [2]], atol=1e-6
    )
    assert explain(predictor, x, method="occlusion", by="lead").attribution.shape[2:] == (12, 3)
    with pytest.raises(ModelError, match=r"no gradients.*load_model.*'shapley'"):
        explain(predictor, x, method="gradcam")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("V7", "V7.*Did you mean"),
        ("QRS:W1", "W1"),
        ("2-1", "ends after it starts"),
        ("", "leads, waves and an interval"),
    ],
)
def test_a_part_that_is_none_is_refused(text, words):
    with pytest.raises(ParameterError, match=words):
        Part.of(text)


def test_maps_that_do_not_tell_leads_or_moments_apart_are_not_ranked_by_them(named):
    x = signals(1, 200)
    with pytest.raises(ParameterError, match=r"does not tell the leads apart.*shapley"):
        top_leads(explain(named, x), 0, "NORM")
    leads = explain(named, x, "NORM", "occlusion", by="lead")
    with pytest.raises(ParameterError, match="spread evenly over time"):
        top_segments(leads, 0, "NORM")


def test_what_if_and_flip_name_what_they_do_not_know(named):
    x = signals(1, 200)
    with pytest.raises(LabelError, match="Did you mean"):
        what_if(named, x, Part(("V1",)), "LBBB")
    with pytest.raises(ParameterError, match="beat, bridge, mean, zero"):
        what_if(named, x, Part(("V1",)), fill="none")
    with pytest.raises(ParameterError, match="a probability"):
        smallest_flip(named, explain(named, x), x, "NORM", 1.5)
