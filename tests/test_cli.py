"""The command line: what it prints, what it writes, and how it ends."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from sound_heart import heart

from ecglens import __version__
from ecglens.cli import main

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def records(simulated_set):
    return [str(path.with_suffix("")) for path in sorted(simulated_set.glob("records100/*/*.hea"))]


@pytest.fixture
def predict(exported, tmp_path, monkeypatch, capsys):
    """Return a function that runs `ecglens predict` and gives code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, model=exported.file):
        code = main(["predict", *map(str, arguments), *(["--model", str(model)] if model else [])])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def champions(exported, tmp_path, monkeypatch):
    """Return a function that makes champions of these names in an empty project folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        folder = tmp_path / "mlruns" / "champions"
        folder.mkdir(parents=True)
        for name in names:
            shutil.copyfile(exported.file, folder / f"{name}.onnx")

    return make


def test_the_table_has_a_line_a_label_whose_parts_add_up(predict, records):
    code, out, err = predict(records[0])
    title, heading, *lines = out.strip().split("\n")
    assert (code, err) == (0, "")
    assert title == "00001_lr: signal_cam, rhythm, trained on ptb-xl"
    assert " ".join(heading.split()) == "label probability threshold attribution + bias = logit"
    assert [line.split()[0] for line in lines] == ["NORM", "AFIB", "CLBBB"]
    for line in lines:
        _, probability, threshold, verdict, *parts = line.split()
        attribution, bias, logit = map(float, parts)
        assert attribution + bias == pytest.approx(logit, abs=0.002)
        assert verdict == ("yes" if float(probability) >= float(threshold) else "no")


def test_json_is_one_object_a_record_and_line(predict, records):
    code, out, _ = predict(*records[:3], "--json")
    objects = [json.loads(line) for line in out.strip().split("\n")]
    assert code == 0
    assert [item["record"] for item in objects] == ["00001_lr", "00002_lr", "00003_lr"]
    for item in objects:
        for row in item["labels"].values():
            assert row["attribution_sum"] + row["bias"] == pytest.approx(row["logit"], abs=1e-4)
            assert "attribution" not in row


def test_json_with_attribution_holds_maps_that_sum_to_the_logit(predict, records):
    _, out, _ = predict(records[0], "--json", "--attribution")
    for row in json.loads(out)["labels"].values():
        total = sum(value for sample in row["attribution"] for value in sample)
        assert len(row["attribution"]) == 1000
        assert total + row["bias"] == pytest.approx(row["logit"], abs=1e-4)


def test_plot_writes_a_picture_of_each_label_asked_for_and_json_stays_json(predict, records):
    code, out, err = predict(
        records[0], "--json", "--plot", "pictures", "--label", "NORM", "--label", "AFIB"
    )
    assert code == 0
    assert json.loads(out)["record"] == "00001_lr"
    written = [line.removeprefix("wrote ") for line in err.strip().split("\n")]
    assert written == ["pictures/00001_lr_NORM.png", "pictures/00001_lr_AFIB.png"]


def test_plots_are_whole_pictures(predict, records, tmp_path):
    predict(records[0], "--plot", tmp_path / "new" / "pictures", "--label", "CLBBB")
    (picture,) = (tmp_path / "new" / "pictures").iterdir()
    assert picture.read_bytes().startswith(PNG)


def test_plot_without_a_label_draws_the_positive_ones(predict, recarded, records, tmp_path):
    model = recarded(thresholds=(0.0, 1.0, 0.0))
    predict(records[0], "--plot", tmp_path / "pictures", model=model)
    drawn = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert drawn == ["00001_lr_CLBBB.png", "00001_lr_NORM.png"]


def test_plot_draws_the_most_probable_label_where_none_is_positive(
    predict, recarded, records, tmp_path
):
    model = recarded(thresholds=(1.0, 1.0, 1.0))
    _, out, _ = predict(records[0], "--json", "--plot", tmp_path / "pictures", model=model)
    labels = json.loads(out)["labels"]
    likeliest = max(labels, key=lambda label: labels[label]["probability"])
    (picture,) = (tmp_path / "pictures").iterdir()
    assert picture.name == f"00001_lr_{likeliest}.png"


def test_a_label_with_a_slash_gives_a_file_name_without_one(predict, recarded, records, tmp_path):
    model = recarded(labels=("LAO/LAE", "AFIB", "CLBBB"))
    code, _, _ = predict(
        records[0], "--plot", tmp_path / "pictures", "--label", "LAO/LAE", model=model
    )
    assert code == 0
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["00001_lr_LAO-LAE.png"]


def test_an_unknown_label_is_refused_with_the_nearest_before_anything_is_predicted(
    predict, records, tmp_path
):
    code, out, err = predict(records[0], "--plot", tmp_path / "pictures", "--label", "AFLIB")
    assert (code, out) == (1, "")
    assert "no label 'AFLIB'" in err
    assert 'Did you mean "AFIB"?' in err
    assert not (tmp_path / "pictures").exists()


def test_one_bad_record_of_three_fails_the_command_but_not_the_other_two(predict, records):
    code, out, err = predict(records[0], "nowhere/00002_lr", records[2])
    assert code == 1
    assert "00001_lr: " in out
    assert "00003_lr: " in out
    assert "nowhere/00002_lr.hea: found no such file" in err
    assert "1 of 3 records have no prediction" in err
    assert "Traceback" not in err


@pytest.fixture
def flat(write_record, tmp_path):
    counts = [[5 * (lead != 2) * (sample % 50) for lead in range(12)] for sample in range(1000)]
    return write_record(tmp_path / "flat", counts)


def test_an_abstention_is_a_title_without_any_number_and_fails_the_command(predict, flat):
    code, out, err = predict(flat)
    assert code == 1
    title, *rest = out.strip().split("\n")
    assert title.startswith("flat: ABSTAINED, NO PREDICTION: signal_cam, rhythm")
    assert rest[0] == "reason: lead III is flat"
    assert "probability" not in out and "NORM" not in out
    assert "lead III is flat" in err and "--policy 'keep'" in err


def test_an_abstention_in_json_has_no_labels(predict, flat, records):
    code, out, _ = predict(flat, records[0], "--json")
    abstained, predicted = map(json.loads, out.strip().split("\n"))
    assert code == 1
    assert (abstained["abstained"], abstained["labels"]) == (True, None)
    assert abstained["reasons"] == ["lead III is flat"]
    assert {flag["severity"] for flag in abstained["flags"]} >= {"unusable"}
    assert (predicted["abstained"], predicted["reasons"]) == (False, [])
    assert abstained.keys() == predicted.keys()


def test_a_policy_lets_the_record_through_with_a_warning(predict, flat):
    code, out, err = predict(flat, "--policy", "keep")
    assert (code, err) == (0, "")
    assert "warning: lead III is flat" in out
    code, out, _ = predict(flat, "--policy", "mask_lead", "--policy", "note=keep")
    assert code == 0
    assert "warning: taken as missing: lead III (policy mask_lead)" in out


def test_a_note_is_printed_as_such(predict, write_record, tmp_path):
    counts = heart(100) * 1000
    counts[:, 11] += 1000 * np.sin(2 * np.pi * 0.25 * np.arange(1000) / 100)
    _, out, _ = predict(write_record(tmp_path / "a", counts))
    assert "note: the baseline of lead V6 wanders by" in out
    assert "warning" not in out


def test_an_unknown_policy_is_refused_before_anything_is_read(predict):
    code, out, err = predict("nowhere", "--policy", "mask")
    assert (code, out) == (1, "")
    assert 'Did you mean "mask_lead"' in err and "nowhere" not in err


def test_a_model_of_simulated_records_says_so_in_the_table(predict, recarded, records):
    _, out, _ = predict(records[0], model=recarded(dataset="simulated"))
    assert "warning: the model was trained on simulated records only" in out


def test_without_a_champion_the_error_says_how_to_make_one(predict, records):
    code, out, err = predict(records[0], model=None)
    assert (code, out) == (1, "")
    assert err == (
        "ecglens: mlruns/champions: found no champion; expected one model. "
        "Run 'make repro' ('make register' if that finds nothing to do), "
        "or name a file: --model.\n"
    )


def test_the_only_champion_is_taken_without_asking(champions, predict, records):
    champions("ecglens-simulated-abnormal")
    code, out, _ = predict(records[0], model=None)
    assert (code, out.split(":")[0]) == (0, "00001_lr")


def test_of_two_champions_one_must_be_named_and_may_be_named_short(champions, predict, records):
    champions("ecglens-simulated-abnormal", "ecglens-ptb-xl-superclass")
    code, _, err = predict(records[0], model=None)
    assert code == 1
    assert "ecglens-ptb-xl-superclass, ecglens-simulated-abnormal" in err
    assert "Say which with --model." in err
    for name in ("ecglens-ptb-xl-superclass", "ptb-xl-superclass"):
        assert predict(records[0], model=name)[0] == 0


def test_a_model_that_is_no_file_and_no_champion_is_refused(predict, records):
    code, _, err = predict(records[0], model="none.onnx")
    assert code == 1
    assert "none.onnx: found no such file" in err


def test_info_prints_the_card_as_json(exported, capsys):
    assert main(["info", "--model", str(exported.file)]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card == json.loads(exported.card.to_json())


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ecglens {__version__}\n"


def test_a_command_is_required_and_usage_names_them(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_serving_outside_a_project_is_an_error_of_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["serve"]) == 1
    err = capsys.readouterr().err
    assert "params.yaml: found no such file" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_serving_on_what_is_no_port_is_refused(capsys, port):
    assert main(["serve", "--port", str(port)]) == 1
    assert f"--port: found {port}; expected a port, 1 to 65535" in capsys.readouterr().err


def test_fetching_with_no_thread_is_refused_before_a_password_is_asked_for(capsys, tmp_path):
    assert main(["fetch", "ludb", str(tmp_path), "--threads", "0", "--user", "me"]) == 1
    assert "--threads: found 0; expected at least 1" in capsys.readouterr().err


def test_a_reader_that_stops_early_gets_no_traceback(exported, records):
    command = [sys.executable, "-m", "ecglens.cli", "predict", *records[:40], "--json"]
    command += ["--attribution", "--model", str(exported.file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read().decode()
    assert process.returncode == 1
    assert error == ""


@pytest.fixture
def plot(records, tmp_path, capsys, monkeypatch):
    """Return a function that runs ``ecglens plot`` into a folder and gives code, files, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main(["plot", *map(str, arguments), "--out", "pictures"])
        _, err = capsys.readouterr()
        folder = tmp_path / "pictures"
        return code, sorted(folder.iterdir()) if folder.exists() else [], err

    return run


def test_plot_draws_a_tracing_on_paper_without_any_model(plot, records):
    code, files, err = plot(records[0], records[1])
    assert code == 0
    assert [path.name for path in files] == ["00001_lr.png", "00002_lr.png"]
    assert all(path.read_bytes().startswith(PNG) for path in files)
    assert err.splitlines() == [f"wrote pictures/{path.name}" for path in files]


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_plot_writes_every_type_of_picture(plot, records, kind, start):
    _, (path,), _ = plot(records[0], "--format", kind, "--layout", "V1", "--gain", "20")
    assert path.name == f"00001_lr.{kind}"
    assert path.read_bytes().startswith(start)


def test_plot_quick_needs_no_paper(plot, records):
    code, (path,), _ = plot(records[0], "--quick")
    assert code == 0 and path.read_bytes().startswith(PNG)


def test_plot_and_predict_write_the_same_picture_of_a_models_heat(
    plot, predict, exported, records, tmp_path
):
    layout = ("--layout", "12x1", "--label", "AFIB")
    _, (path,), _ = plot(records[0], "--heat", exported.file, *layout)
    predict(records[0], "--plot", tmp_path / "predicted", *layout)
    (other,) = (tmp_path / "predicted").iterdir()
    assert path.name == other.name == "00001_lr_AFIB.png"
    assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--layout", "12x"], 'Did you mean "12x1"?'),
        (["--label", "AFIB"], "Name one with --heat."),
        (["--quick", "--heat", "champion"], "expected one of the two"),
        (["--gain", "-1"], "a number of mm/mV above 0"),
        (["--heat", "nowhere.onnx"], "nowhere.onnx: found no such file"),
    ],
)
def test_plot_says_what_is_wrong_and_writes_nothing(plot, records, wrong, said):
    code, files, err = plot(records[0], *wrong)
    assert code == 1 and files == []
    assert said in err


def test_one_unreadable_record_does_not_keep_plot_from_the_others(plot, records):
    code, files, err = plot("nowhere", records[0])
    assert code == 1
    assert [path.name for path in files] == ["00001_lr.png"]
    assert "1 of 2 records failed" in err
