"""What the command says to a task, model, method or number that means nothing."""

import shutil
from pathlib import Path

import pytest

from ecglens.cli import main

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Return a function that runs the command in an empty project, and gives its code and words."""
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main(["benchmark-explanations", *arguments])
        return code, capsys.readouterr().err

    return run


def test_an_unknown_task(said):
    code, words = said("rythm_conduction", "signal_cam")
    assert code == 1 and 'Did you mean "rhythm_conduction"?' in words


def test_a_model_that_was_not_trained(said):
    code, words = said("rhythm_conduction", "signal_cam")
    assert code == 1
    assert "models/rhythm_conduction/signal_cam/trained/model.keras: found no such file" in words
    assert "dvc repro train" in words


def test_an_unknown_method_is_refused_before_anything_else(said):
    code, words = said("rhythm_conduction", "signal_cam", "--method", "grad-cam")
    assert code == 1 and "no method 'grad-cam'" in words and 'Did you mean "gradcam"?' in words


@pytest.mark.parametrize("option", ["--records", "--dear"])
def test_a_number_of_records_that_is_too_small(said, option):
    code, words = said("rhythm_conduction", "signal_cam", option, "1")
    assert code == 1 and f"{option}: found 1; expected at least" in words
