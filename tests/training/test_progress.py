"""A fit goes on only where all that its outcome depends on is as it was: code and versions too."""

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from ecglens.training import progress
from ecglens.training.progress import key_of

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "src" / "ecglens"
# What training imports and no outcome depends on by itself: what it gives is hashed (which records,
# their truth, their evidence, the bytes of the signals), or it only refuses and writes.
GIVES_WHAT_IS_HASHED = {
    "datasets/simulated.py", "labels.py", "manifests.py", "param_fields.py", "splits.py",
    "store.py", "vocabulary.py",
}  # fmt: skip
ONLY_REFUSES_OR_WRITES = {"errors.py", "files.py"}


def covered():
    """Return the files whose content is in the key of a fit."""
    return {p.relative_to(PACKAGE).as_posix() for n in progress._CODE for p in PACKAGE.glob(n)}


def imported_by(names):
    """Return the files of the package that others import."""
    found = set()
    for name in names:
        for node in ast.walk(ast.parse((PACKAGE / name).read_text("utf-8"))):
            modules = []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{name}: a relative import"
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                stem = module.removeprefix("ecglens.").replace(".", "/")
                found |= {f"{stem}.py", f"{stem}/__init__.py"} if stem != module else set()
    return {name for name in found if (PACKAGE / name).is_file()}


def test_all_code_that_an_outcome_depends_on_is_in_the_key():
    known = covered()
    assert {"training/fit.py", "models/signal_cam.py", "train_params.py"} <= known
    left_out = imported_by(known) - known
    assert left_out <= GIVES_WHAT_IS_HASHED | ONLY_REFUSES_OR_WRITES


def test_dvc_trains_anew_for_the_code_that_is_in_the_key():
    stage = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text("utf-8"))["stages"]["train"]
    listed = {dep.removeprefix("src/ecglens/") for dep in stage["deps"]}
    wanted = {name for name in covered() if not name.startswith("models/")}  # these by their name
    assert wanted - listed == {"training/__init__.py"}  # which only names
    assert {"splits.py", "store.py", "labels.py", "trained_before.py"} <= listed


@pytest.mark.parametrize("package", ["keras", "numpy", "tensorflow"])
def test_another_version_of_what_computes_is_another_key(monkeypatch, package):
    before = key_of("fit")
    assert key_of("fit") == before
    versions = progress._versions()
    monkeypatch.setattr(progress, "_versions", lambda: {**versions, package: "0.0"})
    assert key_of("fit") != before


def test_the_backend_is_in_the_key_with_its_version(monkeypatch):
    modules = {"jax": SimpleNamespace(__version__="1.2")}
    monkeypatch.setattr(progress.keras.backend, "backend", lambda: "jax")
    real = progress.import_module
    monkeypatch.setattr(progress, "import_module", lambda name: modules.get(name) or real(name))
    found = progress._versions()
    assert found["jax"] == "1.2"
    assert set(found) == {"keras", "numpy", "tensorflow", "jax"}
