"""The served model's own answers: a record without one cannot be taken for a negative one."""

import importlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from sound_heart import heart

from ecglens.card import OUTPUTS
from ecglens.inference import Predictor


@pytest.fixture(scope="module")
def served(exported):
    module = importlib.import_module("ecglens.serve.mlflow_model")
    model = module.ServedModel()
    model.load_context(SimpleNamespace(artifacts={"onnx": str(exported.file)}))
    return lambda signals, **params: model.predict(None, signals, params)


@pytest.fixture
def signals():
    signals = np.stack([heart(100), heart(100)])
    signals[0, :, 6] = 0.3
    return signals


def test_a_record_abstained_from_has_none_for_every_number_and_a_reason(served, signals):
    answer = json.loads(json.dumps(served(signals)))
    assert answer["abstained"] == [True, False]
    assert answer["reasons"] == [["lead V1 is flat"], []]
    for name in (*OUTPUTS, "positive"):
        assert answer[name][0] is None and answer[name][1] is not None
    assert [[flag["kind"] for flag in flags] for flags in answer["flags"]] == [["flat"], []]


def test_the_other_records_have_the_numbers_of_the_file(served, signals, exported):
    answer, expected = served(signals), Predictor(exported.file).run(signals[1:])
    for name in OUTPUTS:
        np.testing.assert_allclose(answer[name][1], expected[name][0], atol=1e-6)


def test_a_policy_is_taken_as_the_command_takes_it(served, signals):
    answer = served(signals, policy="mask_lead,note=keep")
    assert (answer["abstained"], answer["masked"]) == ([False, False], [["V1"], []])
    with pytest.raises(MlflowException, match='Did you mean "keep"'):
        served(signals, policy="kep")


def test_what_does_not_fit_is_refused_as_a_whole(served, signals):
    for wrong in (signals[:, :500], signals[..., :11], signals[0], signals * np.inf):
        with pytest.raises(MlflowException, match="signals: found"):
            served(wrong)
