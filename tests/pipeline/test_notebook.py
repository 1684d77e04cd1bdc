"""The notebook runs from top to bottom after the pipeline, offline, and says what it should."""

import json
import os

import pytest

pytestmark = pytest.mark.slow

nbformat = pytest.importorskip("nbformat", reason="needs the extra 'notebook'")
nbclient = pytest.importorskip("nbclient", reason="needs the extra 'notebook'")


def execute(notebook, project):
    """Run a notebook in a project's folder of notebooks; return it with its outputs."""
    place = {"metadata": {"path": str(project.folder / "notebooks")}}
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("MLFLOW_", "DVC_")):
                patch.delenv(name)
        for name, value in project.environment.items():
            patch.setenv(name, value)
        client.execute()
    return notebook


def read(project):
    return nbformat.read(project.folder / "notebooks" / "evaluate.ipynb", as_version=4)


@pytest.fixture(scope="module")
def executed(reproduced):
    """Return the notebook after its run in the project."""
    return execute(read(reproduced), reproduced)


def outputs(notebook, kind):
    """Return the outputs of one MIME type, or "text" for what was printed."""
    found = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    if kind == "text":
        return "".join(o.text for o in found if o.output_type == "stream" and o.name == "stdout")
    return [o.data[kind] for o in found if kind in o.get("data", {})]


def test_it_draws_every_kind_of_picture(executed):
    from ecglens.explain import METHODS

    # ROC, precision-recall, reliability; quick, paper, heat; a method each; waves, segments; beats.
    assert len(outputs(executed, "image/png")) == 3 + 3 + len(METHODS) + 2 + 1


def test_its_tables_hold_intervals_tests_and_every_method(executed):
    from ecglens.explain import METHODS

    tables = "\n".join(outputs(executed, "text/html"))
    for word in ("DeLong", "McNemar", "p_holm", "macro", "micro", "without QRS", *METHODS):
        assert word in tables
    assert "of what speaks for" in outputs(executed, "text")
    assert "the decision" in outputs(executed, "text")


def test_the_champion_beside_a_baseline_which_is_the_same_file_differs_in_nothing(reproduced):
    notebook = read(reproduced)
    compared = next(k for k, cell in enumerate(notebook.cells) if "if BASELINE:" in cell.source)
    del notebook.cells[compared + 1 :]  # what follows depends on neither choice
    choices = notebook.cells[1]
    for old, new in (
        ('SOURCE = "file"', 'SOURCE = "registry"'), ('BASELINE = ""', 'BASELINE = "signal_cam"'),
    ):  # fmt: skip
        assert choices.source.count(old) == 1
        choices.source = choices.source.replace(old, new)
    check = "assert onnx.parent.name == 'champions', onnx\nassert (baseline == probability).all()"
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    table = outputs(execute(notebook, reproduced), "text/html")[-1]
    for word in ("DeLong", "McNemar", "p_holm", "macro"):
        assert word in table


def test_it_leaves_the_project_as_it_was(executed, reproduced):
    assert reproduced.run("git", "status", "--porcelain") == ""
    openings = (reproduced.folder / "mlruns" / "test_openings.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in openings]) == 1
