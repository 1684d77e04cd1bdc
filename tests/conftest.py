"""Fixtures that several test modules share."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from hypothesis import settings

from ecglens.card import ModelCard
from ecglens.datasets import simulated
from ecglens.formats import wfdb
from ecglens.inference import METADATA_KEY
from ecglens.labels import Task
from ecglens.record import LEADS
from ecglens.splits import Split
from ecglens.store import Store

# A busy machine is no failure. In CI hypothesis chooses such a profile by itself.
settings.register_profile("local", deadline=None)
if "CI" not in os.environ:
    settings.load_profile("local")

REPOSITORY = Path(__file__).resolve().parents[1]
DEVELOPMENT_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def seed_numpy():
    """Make whatever draws from numpy's global generator repeatable."""
    np.random.seed(0)


@pytest.fixture
def no_proxy(monkeypatch):
    """Have a server on loopback asked itself, whatever proxy this machine's environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="session")
def ptb_xl(tmp_path_factory) -> Path:
    """PTB-XL as published: the folder that ECGLENS_PTBXL names, or 838 of its records."""
    part = ["--only", "ptb-xl-100", "--folders", "21000"]
    return _published("ECGLENS_PTBXL", "ptb-xl/ptbxl_database.csv", part, tmp_path_factory)


@pytest.fixture(scope="session")
def ludb_folder(tmp_path_factory) -> Path:
    """LUDB as published: the folder that ECGLENS_LUDB names, or a copy beside the checkout."""
    return _published("ECGLENS_LUDB", "ludb/ludb.csv", ["--only", "ludb"], tmp_path_factory)


def _published(variable: str, table: str, part: list[str], tmp_path_factory) -> Path:
    """Return the data set's folder that the variable names, or the part of it, unpacked."""
    name, table = table.split("/")
    named = os.environ.get(variable)
    if named:
        assert (Path(named) / table).is_file(), f"{variable}={named}"
        return Path(named)
    unpack = DEVELOPMENT_DATA / "unpack.py"
    if not unpack.is_file():
        pytest.skip(f"needs {name}: name its folder in the environment variable {variable}")
    folder = tmp_path_factory.mktemp("published")
    subprocess.run([sys.executable, unpack, folder, *part], check=True, capture_output=True)
    return folder / name


@pytest.fixture(scope="session")
def simulated_set(tmp_path_factory) -> Path:
    """300 simulated records in PTB-XL's layout, every label in every fold; not to be changed."""
    folder = tmp_path_factory.mktemp("simulated") / "set"
    simulated.fetch(folder, records=300, seed=1)
    return folder


@pytest.fixture
def write_record():
    """Return a function that writes counts (samples, leads) as PTB-XL does, and gives the header.

    Format 16, one file; ``gain`` is a header's field, or one for each lead.
    """

    def write(stem, counts, *, rate=100, leads=LEADS, gain="1000.0(0)/mV"):
        counts, stem = np.asarray(counts, "<i2"), Path(stem)
        gains = [gain] * len(leads) if isinstance(gain, str) else gain
        lines = [f"{stem.name} {len(leads)} {rate} {len(counts)}"]
        for lead, field, column in zip(leads, gains, counts.T, strict=True):
            checksum = int(column.sum(dtype=np.int64)) % 65536
            lines.append(f"{stem.name}.dat 16 {field} 16 0 {column[0]} {checksum} 0 {lead}")
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".dat").write_bytes(counts.tobytes())
        header = stem.with_suffix(".hea")
        header.write_text("\n".join(lines) + "\n")
        return header

    return write


@pytest.fixture(scope="session")
def learnable(tmp_path_factory) -> SimpleNamespace:
    """Noise records of 2 s that a small network learns in seconds; not to be changed.

    Label A is a spike in lead II, label B a slow wave in V1, both from the sample on that
    ``starts`` says. A ``store`` and, as in real data, ``train``, ``validation`` and ``test`` of 96,
    48 and 48 records.
    """
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 2, (192, 2)).astype(np.float32)
    signals = rng.normal(0, 60, (192, 200, 12))
    wave = 600 * np.sin(2 * np.pi * np.arange(40) / 40)
    starts = []
    for signal, (spike, slow) in zip(signals, truth, strict=True):
        start = rng.integers(20, 140)
        starts.append(start)
        signal[start : start + 4, LEADS.index("II")] += 900 * spike
        signal[start : start + 40, LEADS.index("V1")] += slow * wave
    ids = np.arange(101, 293)
    folder = tmp_path_factory.mktemp("learnable")
    store = Store(folder, np.rint(signals).astype(np.int16), ids, 100, "0" * 64)
    rows = {"train": np.arange(96), "validation": np.arange(96, 144), "test": np.arange(144, 192)}
    splits = {name: Split(name, r, ids[r], truth[r]) for name, r in rows.items()}
    task = Task("spikes", ("A", "B"))
    return SimpleNamespace(store=store, task=task, starts=np.array(starts), **splits)


@pytest.fixture(scope="session")
def exported(tmp_path_factory, simulated_set) -> SimpleNamespace:
    """A Signal-CAM of three labels with drawn weights and the file made of it; not to be changed.

    ``model``, ``card``, ``file``, and ``signals`` (8, 1000, 12) of simulated records in mV.
    """
    import keras  # here, so that tests of the rest need not wait for TensorFlow

    from ecglens.export import export
    from ecglens.models import build_model

    keras.utils.set_random_seed(4)
    model = build_model("signal_cam", samples=1000, labels=3)
    head = model.get_layer("head")
    head.kernel.assign(20 * head.kernel)  # so that records differ
    head.bias.assign([0.4, -0.3, 0.1])
    card = ModelCard(
        task="rhythm", model="signal_cam", dataset="ptb-xl", labels=("NORM", "AFIB", "CLBBB"),
        thresholds=(0.4, 0.5, 0.6), sampling_frequency=100, samples=1000, leads=LEADS, units="mV",
        other_rates="resample", run_id="run 1", data_version="data 1", git_commit="commit 1",
        created="2026-01-01T00:00:00Z", quality={"unusable": "keep"},
    )  # fmt: skip
    records = sorted(simulated_set.glob("records100/*/*.hea"))[:8]
    signals = np.stack([wfdb.read(record).signal for record in records])
    file = tmp_path_factory.mktemp("exported") / "model.onnx"
    export(model, card, signals, file)
    return SimpleNamespace(model=model, card=card, file=file, signals=signals)


@pytest.fixture
def recarded(exported, tmp_path):
    """Return a function that copies the exported file, says something else of it, and gives it."""

    def write(name="model.onnx", **changes):
        proto = onnx.load(exported.file)
        card = replace(exported.card, **changes)
        onnx.helper.set_model_props(proto, {METADATA_KEY: card.to_json()})
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        onnx.save(proto, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def _project_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def project(_project_folder, monkeypatch) -> Path:
    """An empty project with an MLflow database of its own, as the current folder.

    One for the whole session, because making the database takes seconds: tests keep apart by the
    names of their experiments and models.
    """
    monkeypatch.chdir(_project_folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{_project_folder / 'mlflow.db'}")
    return _project_folder
