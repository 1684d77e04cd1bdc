"""``ecglens explain``: the same numbers as the library, as text, JSON, CSV and NPZ."""

import json

import numpy as np
import pandas as pd
import pytest

from ecglens.cli import main
from ecglens.explain import explain
from ecglens.formats import wfdb
from ecglens.inference import Predictor
from ecglens.plots.explained import draw_prediction
from ecglens.plots.heat import figure_bytes


@pytest.fixture(scope="module")
def record(simulated_set):
    return sorted(simulated_set.glob("records100/*/*.hea"))[0]


def run(capsys, *arguments):
    code = main(["explain", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_has_the_numbers_of_the_library(capsys, exported, record):
    code, out, _ = run(
        capsys, record, "--model", exported.file, "--method", "occlusion", "--set", "by=lead",
        "--label", "CLBBB", "--without", "V1", "--fill", "zero", "--flip", "--json", "--no-waves",
    )  # fmt: skip
    answer = json.loads(out)
    signal = wfdb.read(record).signal[None]
    found = explain(Predictor(exported.file), signal, "CLBBB", "occlusion", by="lead")
    row = answer["labels"]["CLBBB"]
    assert code == 0
    assert row["attribution_sum"] == pytest.approx(float(found.attribution.sum()), abs=1e-4)
    assert answer["cost"]["forward_passes"] == 13
    assert answer["options"]["by"] == "lead"
    removed = signal.copy()
    removed[..., 6] = 0
    after = Predictor(exported.file).run(removed)["probability"][0, 2]
    assert answer["without"]["probability"]["CLBBB"] == pytest.approx(float(after), abs=1e-5)
    assert set(row["flip"]) == {"turned", "without", "after"}


def test_text_files_and_a_sentence_by_wave(capsys, exported, record, tmp_path):
    code, out, _ = run(
        capsys, record, "--model", exported.file, "--label", "NORM",
        "--csv", tmp_path / "waves.csv", "--npz", tmp_path,
    )  # fmt: skip
    assert code == 0
    assert "NORM: probability" in out
    assert "speaks for NORM" in out
    exact = Predictor(exported.file).run(wfdb.read(record).signal[None])["attribution"][0, ..., 0]
    (saved,) = tmp_path.glob("*_additive.npz")
    np.testing.assert_allclose(np.load(saved)["attribution"][0, ..., 0], exact, atol=1e-6)
    total = pd.read_csv(tmp_path / "waves.csv").attribution.sum()
    assert total == pytest.approx(float(exact.sum()), abs=1e-3)


def test_gradients_need_the_trained_model_and_take_only_the_right_one(
    capsys, exported, record, tmp_path
):
    trained = tmp_path / "model.keras"
    arguments = (record, "--model", exported.file, "--method", "gradcam", "--label", "NORM")
    code, _, err = run(capsys, *arguments, "--keras", trained, "--no-waves")
    assert code == 1
    assert "model.keras: found no such file" in err
    exported.model.save(trained)
    assert run(capsys, *arguments, "--keras", trained, "--no-waves")[0] == 0
    head = exported.model.get_layer("head")
    bias = head.bias.numpy()
    head.bias.assign(bias + 1)
    exported.model.save(trained)
    head.bias.assign(bias)
    code, _, err = run(capsys, *arguments, "--keras", trained, "--no-waves")
    assert code == 1
    assert "as the exported file gives" in err


def test_a_picture_of_one_label_is_the_file_named_and_json_stays_json(
    capsys, exported, record, tmp_path
):
    path = tmp_path / "new" / "why.png"
    code, out, err = run(
        capsys, record, "--model", exported.file, "--label", "CLBBB", "--no-waves", "--json",
        "--picture", path, "--layout", "3x4",
    )  # fmt: skip
    assert code == 0
    assert err == f"wrote {path}\n"
    json.loads(out)
    # The exact map is the one that `ecglens plot --heat` draws, to the byte.
    prediction = Predictor(exported.file).predict(str(record))
    assert path.read_bytes() == figure_bytes(
        draw_prediction(prediction, "CLBBB", layout="3x4"), "png"
    )


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_of_the_type_that_its_name_ends_in(
    capsys, exported, record, tmp_path, kind, start
):
    path = tmp_path / f"why.{kind}"
    arguments = (record, "--model", exported.file, "--label", "CLBBB", "--no-waves")
    assert run(capsys, *arguments, "--picture", path, "--layout", "V1", "--gain", "20")[0] == 0
    assert path.read_bytes().startswith(start)


def test_where_several_pictures_may_be_made_each_says_what_it_shows(
    capsys, exported, record, simulated_set, tmp_path
):
    other = sorted(simulated_set.glob("records100/*/*.hea"))[1]
    arguments = ("--model", exported.file, "--no-waves", "--picture", tmp_path / "why.png")
    run(capsys, record, *arguments, "--label", "NORM", "--label", "CLBBB")
    assert {p.name for p in tmp_path.iterdir()} == {"why_NORM.png", "why_CLBBB.png"}
    run(capsys, record, other, *arguments, "--label", "AFIB")
    assert {p.name for p in tmp_path.glob("*_lr*")} == {"why_00001_lr.png", "why_00002_lr.png"}


@pytest.mark.parametrize(
    ("picture", "more", "words"),
    [
        ("why.jpg", [], "why.jpg: found the file type 'jpg'"),
        ("why", [], "Known: pdf, png, svg"),
        ("why.png", ["--layout", "12x"], 'Did you mean "12x1"?'),
        ("why.png", ["--gain", "0"], "a number of mm/mV above 0"),
    ],
)
def test_a_picture_that_cannot_be_made_is_refused_and_nothing_is_written(
    capsys, exported, record, tmp_path, picture, more, words
):
    arguments = (record, "--model", exported.file, "--no-waves", "--picture", tmp_path / picture)
    code, out, err = run(capsys, *arguments, *more)
    assert code == 1 and out == ""
    assert words in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_there_is_said_in_a_line(
    capsys, exported, record, tmp_path
):
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file" / "why.png"
    arguments = (record, "--model", exported.file, "--no-waves", "--picture", path)
    code, _, err = run(capsys, *arguments, "--label", "NORM")
    assert code == 1
    assert f"{path}: found no writing to it" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "gradcm"], 'Did you mean "gradcam"'),
        (["--label", "LBBB"], 'Did you mean "CLBBB"'),
        (["--set", "by"], "NAME=VALUE"),
        (["--without", "V7"], "leads, waves and an interval"),
        (["--method", "occlusion", "--set", "by=beat"], "lead_window"),
        (["--method", "occlusion", "--set", "window=inf"], "expected a finite number"),
        (["--method", "occlusion", "--set", "stride=NaN"], "expected a finite number"),
        (["--method", "shapley", "--set", "seed=-1"], "seed: found -1; expected a whole number"),
        (
            ["--method", "shapley", "--set", "permutations=1e1"],
            "whole number of at least 2. Say 10",
        ),
        (["--method", "random", "--set", f"seed={'1' * 5000}"], "expected a whole number"),
        (["--set", "model=1"], "method additive: found no option 'model'"),
        (["--set", "batch_size=1.5"], "batch_size: found 1.5; expected a whole number"),
        (["--top", "-1"], "--top: found -1; expected at least 1"),
        (["--top", "0"], "--top: found 0; expected at least 1"),
    ],
)
def test_what_is_not_known_is_refused_in_a_line(capsys, exported, record, arguments, words):
    code, _, err = run(capsys, record, "--model", exported.file, "--no-waves", *arguments)
    assert code == 1
    assert words in err
    assert "Traceback" not in err


def test_the_methods_can_be_listed_without_a_model(capsys):
    code, out, _ = run(capsys, "--methods")
    assert code == 0
    assert "integrated_gradients" in out
    assert "needs additive model" in out
