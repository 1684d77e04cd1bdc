"""Predictions from one file: the numbers of Keras, any readable record, and clear refusals."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

from ecglens.card import OUTPUTS, WARNING_SIMULATED, ModelCard
from ecglens.errors import ModelError, RecordError
from ecglens.formats import wfdb
from ecglens.inference import METADATA_KEY, Predictor
from ecglens.record import LEADS, Record, resample

MIMIC_ORDER = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.fixture(scope="module")
def predictor(exported):
    return Predictor(exported.file)


@pytest.fixture
def record(exported):
    return Record(exported.signals[0].copy(), 100, "one")


def a_record(samples, rate, seed=0):
    rng = np.random.default_rng(seed)
    return Record(rng.normal(size=(samples, 12)), rate, "drawn")


def test_a_record_on_disk_gets_the_numbers_of_keras(predictor, exported, simulated_set):
    paths = sorted(simulated_set.glob("records100/*/*.hea"))[:8]
    outputs = exported.model.predict_on_batch(exported.signals)
    for number, path in enumerate(paths):
        prediction = predictor.predict(path)
        for name in OUTPUTS:
            np.testing.assert_allclose(
                getattr(prediction, name), outputs[name][number], atol=1e-4, err_msg=name
            )
        said = {*prediction.warnings, *prediction.notes}
        assert said == {flag.sentence for flag in prediction.flags}


def test_attribution_and_bias_sum_to_the_logit_of_every_label(predictor, record):
    prediction = predictor.predict(record)
    assert prediction.attribution.shape == (1000, 1, 3)
    total = prediction.attribution.sum(axis=(0, 1), dtype=np.float64) + prediction.bias
    np.testing.assert_allclose(total, prediction.logit, atol=1e-4)


def test_the_path_may_end_as_the_header_the_signals_or_neither(predictor, simulated_set):
    header = next(simulated_set.glob("records100/*/*.hea"))
    expected = predictor.predict(header).logit
    for path in (header.with_suffix(""), header.with_suffix(".dat"), str(header)):
        np.testing.assert_array_equal(predictor.predict(path).logit, expected)


def test_a_record_at_500_hz_is_resampled_and_says_so(predictor, simulated_set):
    name = next(simulated_set.glob("records500/*/*.hea"))
    record = wfdb.read(name)
    prediction = predictor.predict(record)
    assert prediction.warnings[-1] == "resampled from 500 Hz to 100 Hz"
    assert prediction.record.signal.shape == (1000, 12)
    expected = predictor.run(resample(record.signal, 500, 100)[None])
    np.testing.assert_array_equal(prediction.logit, expected["logit"][0])
    # The data set's own 100 Hz record is the same heart, rounded to whole microvolts.
    low = name.parents[2] / "records100" / name.parent.name / name.name.replace("_hr", "_lr")
    np.testing.assert_allclose(prediction.logit, predictor.predict(low).logit, atol=0.02)


def test_a_model_that_refuses_other_rates_refuses_500_hz(recarded):
    with pytest.raises(RecordError, match=r"drawn: found 500 Hz; expected 100 Hz"):
        Predictor(recarded(other_rates="refuse")).predict(a_record(5000, 500))


@pytest.mark.parametrize(
    ("samples", "rate", "found"), [(900, 100, "9 s"), (1001, 100, "10.01 s"), (2500, 500, "5 s")]
)
def test_another_length_is_refused_with_both_lengths(predictor, samples, rate, found):
    with pytest.raises(RecordError, match=f"drawn: found {found}; expected 10 s"):
        predictor.predict(a_record(samples, rate))


@pytest.mark.parametrize(("samples", "rate"), [(5003, 500), (4997, 500), (3601, 360), (2570, 257)])
def test_less_than_one_sample_more_or_less_after_resampling_is_no_other_length(
    predictor, samples, rate
):
    prediction = predictor.predict(a_record(samples, rate))
    assert prediction.record.signal.shape == (1000, 12)
    assert prediction.record.sampling_frequency == 100


def test_flat_and_missing_leads_are_refused_all_at_once_by_name(predictor, record):
    record.signal[:, 4] = 0.2
    record.signal[10:30, 8] = np.nan
    with pytest.raises(RecordError) as caught:
        predictor.predict(record)
    message = str(caught.value)
    assert "lead aVL is flat" in message
    assert "lead V3 has 20 of 1000 samples missing (NaN)" in message
    assert "--policy 'keep'" in message


def test_defects_that_are_kept_become_warnings_and_missing_samples_nought(
    predictor, record, exported
):
    record.signal[:, 4] = 0.2
    record.signal[10:30, 8] = np.nan
    prediction = predictor.predict(record, policy="keep")
    assert prediction.warnings == (
        "lead aVL is flat",
        "lead V3 has 20 of 1000 samples missing (NaN)",
    )
    zeroed = np.nan_to_num(record.signal)
    np.testing.assert_allclose(prediction.logit, predictor.run(zeroed[None])["logit"][0], atol=1e-6)


def test_leads_in_the_order_of_mimic_are_found_by_name(predictor, write_record, tmp_path):
    counts = np.random.default_rng(3).integers(-900, 900, (1000, 12))
    ours = write_record(tmp_path / "ours", counts)
    order = [LEADS.index(lead) for lead in MIMIC_ORDER]
    mimic = write_record(tmp_path / "mimic", counts[:, order], leads=MIMIC_ORDER)
    assert ours.with_suffix(".dat").read_bytes() != mimic.with_suffix(".dat").read_bytes()
    np.testing.assert_array_equal(predictor.predict(mimic).logit, predictor.predict(ours).logit)


def test_microvolts_in_the_header_are_brought_to_millivolts(predictor, write_record, tmp_path):
    counts = np.random.default_rng(3).integers(-900, 900, (1000, 12))
    millivolts = write_record(tmp_path / "mv", counts, gain="1000.0(0)/mV")
    microvolts = write_record(tmp_path / "uv", counts, gain="1.0(0)/uV")
    np.testing.assert_allclose(
        predictor.predict(microvolts).logit, predictor.predict(millivolts).logit, atol=1e-5
    )


def test_a_model_of_simulated_records_warns_that_it_is_not_for_patients(recarded, record):
    assert WARNING_SIMULATED in Predictor(recarded(dataset="simulated")).predict(record).warnings


def test_a_label_is_given_from_its_threshold_on(predictor, record, recarded):
    probability = predictor.predict(record).probability
    at, above = tuple(map(float, probability)), tuple(float(p) + 1e-6 for p in probability)
    for thresholds, given in ((at, True), (above, False)):
        prediction = Predictor(recarded(thresholds=thresholds)).predict(record)
        assert prediction.positive.tolist() == [given] * 3


def test_a_prediction_as_json_says_what_was_asked_of_what_and_adds_up(predictor, record):
    content = json.loads(json.dumps(predictor.predict(record).to_dict()))
    assert (content["record"], content["sampling_frequency"]) == ("one", 100)
    assert content["model"]["run_id"] == "run 1"
    assert list(content["labels"]) == ["NORM", "AFIB", "CLBBB"]
    for row in content["labels"].values():
        assert row["attribution_sum"] + row["bias"] == pytest.approx(row["logit"], abs=1e-4)
        assert row["positive"] == (row["probability"] >= row["threshold"])
        assert "attribution" not in row


def test_a_prediction_as_json_holds_the_map_of_each_label_if_asked(predictor, record):
    prediction = predictor.predict(record)
    rows = json.loads(json.dumps(prediction.to_dict(attribution=True)))["labels"]
    for k, row in enumerate(rows.values()):
        np.testing.assert_allclose(row["attribution"], prediction.attribution[..., k], atol=1e-9)


def test_threads_do_not_change_the_answer(exported):
    one, two = (Predictor(exported.file, threads=n).run(exported.signals) for n in (1, 2))
    for name in OUTPUTS:
        np.testing.assert_allclose(one[name], two[name], atol=1e-5)


@pytest.mark.parametrize("shape", [(1000, 12), (1, 999, 12), (1, 1000, 11), (1, 12, 1000)])
def test_an_array_of_another_shape_is_refused_with_both_shapes(predictor, shape):
    with pytest.raises(RecordError, match=r"array of shape .*; expected \(batch, 1000, 12\)"):
        predictor.run(np.zeros(shape))


def test_infinite_values_are_refused(predictor):
    with pytest.raises(RecordError, match="infinite values"):
        predictor.run(np.full((1, 1000, 12), np.inf))


def test_a_missing_model_is_refused_with_how_to_make_one(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx: found no such file.*make repro"):
        Predictor(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07\x12\x00" * 9])
def test_a_file_that_is_no_onnx_model_is_refused(tmp_path, content):
    path = tmp_path / "text.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"text\.onnx: found (no ONNX model|outputs)"):
        Predictor(path)


def test_a_truncated_model_is_refused(exported, tmp_path):
    path = tmp_path / "half.onnx"
    content = exported.file.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"half\.onnx: found no ONNX model"):
        Predictor(path)


def test_an_onnx_model_of_another_house_is_refused(tmp_path):
    path = tmp_path / "foreign.onnx"
    value = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")
    ]
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "identity", value[:1], value[1:])
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    with pytest.raises(ModelError, match=r"foreign\.onnx: found outputs y and no card"):
        Predictor(path)


def test_an_exported_file_without_its_card_is_refused(exported, tmp_path):
    proto = onnx.load(exported.file)
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "bare.onnx")
    with pytest.raises(ModelError, match=r"bare\.onnx: found .* no card of ECGLens"):
        Predictor(tmp_path / "bare.onnx")


def test_a_card_for_other_leads_is_refused(recarded):
    with pytest.raises(ModelError, match=r"leads .*'aVF', 'aVL'"):
        Predictor(recarded(leads=MIMIC_ORDER))


def test_a_card_for_other_units_is_refused(recarded):
    with pytest.raises(ModelError, match=r"in uV; expected .* in mV"):
        Predictor(recarded(units="uV"))


def test_a_card_without_a_field_is_refused_by_its_name(exported):
    content = json.loads(exported.card.to_json())
    del content["thresholds"]
    with pytest.raises(ModelError, match=r"m\.onnx: found no thresholds in its metadata"):
        ModelCard.from_json(json.dumps(content), "m.onnx")


def test_a_card_that_is_no_json_is_refused(exported, tmp_path):
    proto = onnx.load(exported.file)
    onnx.helper.set_model_props(proto, {METADATA_KEY: "{"})
    onnx.save(proto, tmp_path / "garbled.onnx")
    with pytest.raises(ModelError, match=r"garbled\.onnx: found metadata that is not JSON"):
        Predictor(tmp_path / "garbled.onnx")


PREDICT = """
import sys
from ecglens.cli import main
code = main(["predict", {record!r}, "--model", {model!r}, "--json"])
heavy = {{"tensorflow", "keras", "mlflow", "pandas", "scipy", "sklearn", "wfdb", "matplotlib"}}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def test_predicting_a_format_16_record_imports_numpy_and_onnxruntime_only(exported, simulated_set):
    record = next(simulated_set.glob("records100/*/*.hea"))
    script = PREDICT.format(record=str(record), model=str(exported.file))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    assert json.loads(done.stdout)["record"] == record.stem
