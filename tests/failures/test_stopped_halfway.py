"""A stage that is killed leaves nothing that a later run would trust, and the next run succeeds."""

import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import psutil
import pytest

from ecglens.datasets import ptb_xl as layout
from ecglens.datasets import simulated
from ecglens.errors import DatasetError
from ecglens.preparation import prepare
from ecglens.store import open_store

PREPARE = """
import sys
from pathlib import Path
from ecglens.cluster import Workers
from ecglens.preparation import prepare
source, folder = map(Path, sys.argv[1:3])
count = int(sys.argv[3])
files = [(n, f"records100/00000/{1 + n % 300:05d}_lr") for n in range(int(sys.argv[4]))]
prepare(source, files, folder, sampling_frequency=100, seconds=10.0, workers=Workers(count))
"""
STALL = "import time, pandas\npandas.DataFrame.to_csv = lambda *a, **k: time.sleep(600)\n"
SIMULATE = """
import sys
from pathlib import Path
from ecglens.datasets import simulated
simulated.fetch(Path(sys.argv[1]), records=100_000, seed=1)
"""
FETCH = """
import sys, time
from pathlib import Path
from ecglens.datasets import folders, ptb_xl
link = folders.link
folders.link = lambda *paths: (time.sleep(0.02), link(*paths))
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


def finished(folder, least):
    """Return the shards that prepare has finished, name and state, if they are this many."""
    found = folder.with_name(f"{folder.name}.work").glob("[!.]*")
    shards = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}
    return shards if len(shards) >= least else {}


def run_prepare(source, folder):
    files = [(number, f"records100/00000/{number:05d}_lr") for number in (1, 2, 3)]
    prepare(source, files, folder, sampling_frequency=100, seconds=10.0)
    return open_store(folder)


def test_prepare_killed_midway_leaves_no_arrays(simulated_set, tmp_path):
    folder = tmp_path / "signals"
    begun = partial(finished, folder, 2)
    kill_midway(PREPARE, simulated_set, folder, 1, 200_000, begun=begun)
    assert begun(), "it was not midway"
    assert not folder.exists()
    with pytest.raises(DatasetError, match="dvc repro prepare"):
        open_store(folder)
    assert run_prepare(simulated_set, folder).record_ids.tolist() == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


def test_prepare_killed_midway_leaves_the_arrays_of_the_run_before(simulated_set, tmp_path):
    folder = tmp_path / "signals"
    before = run_prepare(simulated_set, folder).sha256
    kill_midway(PREPARE, simulated_set, folder, 1, 200_000, begun=partial(finished, folder, 2))
    store = open_store(folder)
    assert store.sha256 == before and store.record_ids.tolist() == [1, 2, 3]
    assert np.isfinite(store.millivolts(np.arange(3))).all()
    assert run_prepare(simulated_set, folder).sha256 == before
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_prepare_killed_twice_goes_on_and_writes_what_it_would_have(
    simulated_set, tmp_path, workers
):
    folder, seen = tmp_path / "a" / "signals", {}
    for least in (2, 5):
        begun = partial(finished, folder, least)
        kill_midway(PREPARE, simulated_set, folder, workers, 2000, begun=begun)
        now = begun()
        assert seen.items() <= now.items(), "a finished shard was worked again"
        seen = now
    for name in ("a", "b"):
        arguments = [simulated_set, tmp_path / name / "signals", 1, 2000]
        subprocess.run([sys.executable, "-c", PREPARE, *map(str, arguments)], check=True)
    contents = [{p.name: p.read_bytes() for p in tmp_path.glob(f"{n}/signals/*")} for n in "ab"]
    assert len(contents[0]) == 4 and contents[0] == contents[1]
    assert [path.name for path in folder.parent.iterdir()] == ["signals"]


def test_prepare_killed_while_it_puts_the_shards_together_goes_on(simulated_set, tmp_path):
    folder, half = tmp_path / "signals", tmp_path / "signals.part" / "signals.npy"
    kill_midway(STALL + PREPARE, simulated_set, folder, 1, 600, begun=half.exists)
    assert len(finished(folder, 3)) == 3 and not folder.exists()
    arguments = [simulated_set, folder, 1, 600]
    subprocess.run([sys.executable, "-c", PREPARE, *map(str, arguments)], check=True)
    assert len(open_store(folder).counts) == 600
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


@pytest.mark.slow
def test_the_workers_of_a_killed_prepare_do_not_stay(simulated_set, tmp_path):
    folder, mine = tmp_path / "signals", psutil.Process()
    others, family = mine.children(recursive=True), []  # others: what tests before have left

    def begun():
        family[:] = [p for p in mine.children(recursive=True) if p not in others]
        return finished(folder, 1)

    kill_midway(PREPARE, simulated_set, folder, 2, 200_000, begun=begun, patience=120)
    assert len(family) >= 3, "itself and two workers"
    _, left = psutil.wait_procs(family, timeout=60)
    assert not [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


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
