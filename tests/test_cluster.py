"""A real Dask scheduler and workers on loopback, of which some are killed: the same bytes."""

import json
import threading
import time
from pathlib import Path

import pytest
from dask_cluster import dask_cluster
from shard_work import die, nothing, who

from ecglens import cluster as cluster_module
from ecglens.cluster import Workers
from ecglens.errors import ClusterError
from ecglens.preparation import SHARD, prepare
from ecglens.shards import Work, finished_shards

pytestmark = pytest.mark.slow
COPIES = 16  # of the simulated set's 300 records, which makes 19 shards


@pytest.fixture
def files(simulated_set):
    names = [f"records100/00000/{n:05d}_lr" for n in range(1, 301)]
    bad = (7, "records100/00000/nowhere")  # and the path in its message
    return [
        bad,
        *((1000 * copy + k, n) for copy in range(1, COPIES + 1) for k, n in enumerate(names)),
    ]


@pytest.fixture
def run(simulated_set, files, tmp_path, monkeypatch):
    """Return a function that prepares into a folder, and gives the bytes of what it wrote.

    From the set's own folder, under a relative path that means nothing to a worker.
    """
    monkeypatch.chdir(simulated_set.parent)

    def run(name, workers):
        folder = tmp_path / name
        options = {"sampling_frequency": 100, "seconds": 10.0, "unreadable": "skip"}
        prepare(Path(simulated_set.name), files, folder, workers=workers, **options)
        assert not folder.with_name(f"{name}.work").exists()
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    return run


def when(condition, action, patience=120):
    """Do something in a thread once a condition is true."""

    def watch():
        deadline = time.monotonic() + patience
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_processes_threads_and_one_process_write_the_same_bytes(run):
    alone = run("alone", Workers(1))
    assert len(alone) == 4 and b"nowhere.hea: found no such file" in alone["rejected.csv"]
    assert str(Path.cwd()).encode() not in alone["rejected.csv"]
    assert run("threads", Workers(2, "threads")) == alone
    assert run("processes", Workers(2)) == alone


def test_a_cluster_of_which_a_worker_is_killed_halfway_writes_the_same_bytes(run, tmp_path, files):
    alone = run("alone", Workers(1))
    with dask_cluster(tmp_path / "dask") as cluster:
        kept = tmp_path / "killed.work"
        halfway = len(files) / SHARD / 3
        killer = when(lambda: len(list(kept.glob("[!.]*"))) >= halfway, cluster.workers[0].kill)
        killed = run("killed", Workers(scheduler=cluster.address))
        killer.join()
        assert cluster.workers[0].poll() == -9 and cluster.workers[1].poll() is None, cluster.log()
    assert killed == alone


@pytest.fixture
def slow_work(tmp_path):
    """Return a function that works 40 items, a shard each, on a cluster, noting who did which."""
    log = tmp_path / "log"

    def run(cluster, folder=tmp_path / "work", **parameters):
        work = Work(who, nothing, {"log": str(log), **parameters}, "work")
        where = Workers(scheduler=cluster.address)
        with finished_shards(work, list(range(40)), 1, folder, where) as paths:
            return [json.loads(path.read_text()) for path in paths]

    run.log = lambda: [line.split() for line in log.read_text().splitlines()]
    run.begun = lambda: log.exists() and len(run.log()) >= 10
    return run


def on_path(monkeypatch):
    """Let workers import the module of the work."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def test_nothing_is_lost_or_doubled_where_a_worker_is_killed(slow_work, tmp_path, monkeypatch):
    on_path(monkeypatch)
    with dask_cluster(tmp_path / "dask") as cluster:
        first, second = (worker.pid for worker in cluster.workers)
        killer = when(slow_work.begun, cluster.workers[0].kill)
        results = slow_work(cluster)
        killer.join()
    assert [items for _, items in results] == [[number] for number in range(40)]
    by = [pid for pid, _ in results]
    assert set(by) == {first, second}, "each did a part"
    assert len(slow_work.log()) < 60, "most of it was worked once"


def test_where_all_workers_die_the_next_run_goes_on(slow_work, tmp_path, monkeypatch):
    on_path(monkeypatch)
    monkeypatch.setattr(cluster_module, "PATIENCE", 10.0)
    with dask_cluster(tmp_path / "dask") as cluster:
        killer = when(slow_work.begun, lambda: [worker.kill() for worker in cluster.workers])
        with pytest.raises(ClusterError, match="no worker for 10 s"):
            slow_work(cluster)
        killer.join()
        finished = len(list((tmp_path / "work").glob("[!.]*")))
        assert finished >= 4
        before = len(slow_work.log())
        cluster.add_worker()
        assert len(slow_work(cluster)) == 40
        assert len(slow_work.log()) - before == 40 - finished


def test_where_the_scheduler_dies_the_work_ends_and_the_next_goes_on(
    slow_work, tmp_path, monkeypatch
):
    on_path(monkeypatch)
    with dask_cluster(tmp_path / "dask") as cluster:
        killer = when(slow_work.begun, cluster.scheduler.kill)
        with pytest.raises(ClusterError, match="what is finished is kept"):
            slow_work(cluster)
        killer.join()
    finished = len(list((tmp_path / "work").glob("[!.]*")))
    assert 4 <= finished < 40
    with dask_cluster(tmp_path / "dask-2") as cluster:
        before = len(slow_work.log())
        assert len(slow_work(cluster)) == 40
        assert len(slow_work.log()) - before == 40 - finished


def test_a_shard_that_workers_die_of_ends_the_work(tmp_path, monkeypatch):
    on_path(monkeypatch)
    work = Work(die, nothing, {}, "die")
    with (
        pytest.raises(ClusterError, match=r"a shard that 4 workers died of.*memory enough"),
        finished_shards(work, [1, 2], 1, tmp_path / "work", Workers(2)),
    ):
        pass
