"""The house stands as planned: dependencies point one way, modules are short, starts are light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "src" / "ecglens"

# A room may use the rooms in lines above its own, never one beside it or below.
LAYERS = (
    ("errors",),
    ("files", "remote", "cluster"),
    ("record", "shards"),
    ("formats", "quality"),
    ("vocabulary", "card"),
    ("labels", "inference", "conditioning", "param_fields", "reading"),
    ("train_params", "model_params"),
    ("params", "store", "datasets"),
    ("splits", "manifests", "models", "plots", "augmentation", "losses", "preparation", "batch"),
    ("evaluation", "explain"),
    ("tracking",),
    ("trained_before", "training", "export", "registry", "serve"),
    ("import_xplaim",),
    ("commands",),
    ("cli",),
)
ROOM = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
# What prediction needs: the production environment has nothing else.
INFERENCE = {"inference", "card", "formats", "quality", "record", "errors"}
HEAVY = {"tensorflow", "keras", "mlflow", "pandas", "scipy", "sklearn", "onnx", "wfdb"}
HEAVY |= {"dask", "distributed", "fsspec", "pyarrow", "tqdm"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    """Return a module's name in the package, such as "plots.heat"; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path):
    """Return what a file imports anywhere in it, functions included, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively; write the whole name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms_used(path):
    """Return the rooms of the package that a file imports."""
    names = (name.split(".") for name in imports(path))
    return {parts[1] for parts in names if parts[0] == "ecglens" and len(parts) > 1} - {
        "__version__"
    }


def test_the_import_finder_sees_imports_in_functions_too(tmp_path):
    code = "import ecglens.store\ndef f():\n    from ecglens.plots import heat\nimport numpy\n"
    (tmp_path / "module.py").write_text(code)
    assert rooms_used(tmp_path / "module.py") == {"store", "plots"}


def test_every_room_has_its_place_in_the_plan():
    rooms = {name_of(path).split(".")[0] for path in MODULES} - {""}
    assert rooms <= set(ROOM), "a new room: say in LAYERS what it may depend on"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_depends_only_on_layers_above_its_own(path):
    room = name_of(path).split(".")[0]
    used = rooms_used(path) - {room}
    if not room:
        assert not used, "importing the package alone must import nothing more of it"
        return
    wrong = {other for other in used if ROOM[other] >= ROOM[room]}
    assert not wrong, f"{room} may not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("room", sorted(INFERENCE))
def test_inference_stands_on_record_formats_and_errors_alone(room):
    paths = [p for p in MODULES if name_of(p).split(".")[0] == room]
    assert paths
    for path in paths:
        assert rooms_used(path) <= INFERENCE


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "pipelines").glob("*.py")), ids=lambda path: path.stem
)
def test_a_stage_is_a_short_script_that_holds_no_logic(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert len(path.read_text("utf-8").splitlines()) <= 60
    definitions = [node.name for node in tree.body if hasattr(node, "name")]
    assert definitions == ["main"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_longer_than_400_lines(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


def loaded_by(code):
    """Return which of the heavy packages a fresh Python has loaded after running ``code``."""
    report = f"import sys; print('LOADED', *sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def test_the_probe_sees_a_package_that_is_loaded():
    assert "pandas" in loaded_by("import ecglens.store")


@pytest.mark.parametrize("module", ["inference", "batch"])
def test_importing_what_predicts_loads_nothing_heavy(module):
    assert loaded_by(f"import ecglens.{module}") == []


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["--version"]])
def test_asking_the_command_for_help_loads_nothing_heavy(arguments):
    code = (
        "from ecglens.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as stop: assert stop.code == 0"
    )
    assert loaded_by(code) == []


def test_reading_and_resampling_a_plain_record_loads_nothing_heavy(tmp_path, write_record):
    header = write_record(tmp_path / "a", [[0] * 12] * 5)
    code = (
        "import ecglens.inference\nfrom ecglens.formats import wfdb\n"
        f"wfdb.read({str(header)!r}).resampled(500)"
    )
    assert loaded_by(code) == []
