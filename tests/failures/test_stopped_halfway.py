"""A stage that is killed leaves nothing that a later run would trust, and the next run succeeds."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ecglens.datasets import ptb_xl as layout
from ecglens.datasets import simulated
from ecglens.errors import DatasetError
from ecglens.preparation import prepare
from ecglens.store import open_store

PREPARE = """
import sys
from pathlib import Path
from ecglens.preparation import prepare
source, folder = map(Path, sys.argv[1:])
files = [(number, "records100/00000/00001_lr") for number in range(200_000)]
prepare(source, files, folder, sampling_frequency=100, seconds=10.0)
"""
SIMULATE = """
import sys
from pathlib import Path
from ecglens.datasets import simulated
simulated.fetch(Path(sys.argv[1]), records=100_000, seed=1)
"""
FETCH = """
import sys, time
from pathlib import Path
from ecglens.datasets import ptb_xl
link = ptb_xl.link
ptb_xl.link = lambda *paths: (time.sleep(0.02), link(*paths))
ptb_xl.fetch(*map(Path, sys.argv[1:]))
"""
WRITE = """
import sys, time
from pathlib import Path
from ecglens.files import whole_file
with whole_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    time.sleep(60)
"""


def kill_midway(code, *arguments, begun, patience=60):
    """Run ``code`` in a process of its own, and kill it once ``begun()`` is true."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + patience
        while not begun():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline, "it never began to write"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def bytes_under(folder, pattern):
    """Return how many bytes the files hold that a process is writing."""
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def run_prepare(source, folder):
    files = [(number, f"records100/00000/{number:05d}_lr") for number in (1, 2, 3)]
    prepare(source, files, folder, sampling_frequency=100, seconds=10.0)
    return open_store(folder)


def test_prepare_killed_midway_leaves_no_arrays(simulated_set, tmp_path):
    folder = tmp_path / "signals"
    kill_midway(
        PREPARE, simulated_set, folder, begun=lambda: bytes_under(tmp_path, "signals.npy") > 1e6
    )
    assert bytes_under(tmp_path, "signals.npy") > 1e6, "it was not midway"
    assert not folder.exists()
    with pytest.raises(DatasetError, match="dvc repro prepare"):
        open_store(folder)
    assert run_prepare(simulated_set, folder).record_ids.tolist() == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


def test_prepare_killed_midway_leaves_the_arrays_of_the_run_before(simulated_set, tmp_path):
    folder = tmp_path / "signals"
    before = run_prepare(simulated_set, folder).sha256
    old = bytes_under(tmp_path, "signals.npy")
    kill_midway(
        PREPARE,
        simulated_set,
        folder,
        begun=lambda: bytes_under(tmp_path, "signals.npy") > old + 1e6,
    )
    store = open_store(folder)
    assert store.sha256 == before and store.record_ids.tolist() == [1, 2, 3]
    assert np.isfinite(store.millivolts(np.arange(3))).all()
    assert run_prepare(simulated_set, folder).sha256 == before
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


def test_the_simulator_killed_midway_leaves_no_data_set(tmp_path):
    folder = tmp_path / "raw" / "simulated"
    kill_midway(SIMULATE, folder, begun=lambda: bytes_under(tmp_path, "*.dat") > 1e6)
    assert bytes_under(tmp_path, "*.dat") > 1e6, "it was not midway"
    assert not folder.exists()
    with pytest.raises(DatasetError, match="no such file"):
        layout.manifest(folder)
    simulated.fetch(folder, records=3, seed=1)
    assert len(layout.manifest(folder)) == 3
    assert [path.name for path in folder.parent.iterdir()] == ["simulated"]


def test_fetch_killed_midway_leaves_no_data_set_and_the_source_whole(tmp_path):
    source, folder = tmp_path / "published", tmp_path / "raw" / "ptb-xl"
    simulated.fetch(source, records=30, seed=1)
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    kill_midway(FETCH, source, folder, begun=lambda: any(folder.parent.rglob("*.dat")))
    assert not folder.exists()
    assert before == {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    assert layout.fetch(source, folder) == 30 * 4 + 2
    assert len(layout.manifest(folder)) == 30
    assert [path.name for path in folder.parent.iterdir()] == ["ptb-xl"]


@pytest.mark.parametrize("old", [None, "old"])
def test_a_file_whose_writer_is_killed_is_the_old_one_or_not_there(tmp_path, old):
    path = tmp_path / "manifest.parquet"
    if old:
        path.write_text(old)
    kill_midway(WRITE, path, begun=lambda: any(p.name != path.name for p in tmp_path.iterdir()))
    assert (path.read_text() if path.exists() else None) == old
