"""Shards are worked once; taken again only if items, parameters, files and code are the same."""

import json
import os
from pathlib import Path

import pytest
from shard_work import content_of, ports

from ecglens import cluster as cluster_module
from ecglens import shards
from ecglens.cluster import Workers
from ecglens.errors import ClusterError, ECGLensError, RecordError
from ecglens.shards import Work, finished_shards


def join(items, parameters):
    """Return the shard's files, joined, and note each call: what the tests count."""
    with open(parameters["log"], "a") as log:
        log.write(json.dumps(items) + "\n")
    if parameters.get("fail") in items:
        raise RecordError(parameters["fail"], "a fault", "none")
    return "".join(Path(name).read_text() for name in items).encode()


@pytest.fixture
def house(tmp_path):
    """Return a runner of ten files in shards of three, and what it worked in its last run."""
    names = [str(tmp_path / f"{number}.csv") for number in range(10)]
    for name in names:
        Path(name).write_text(Path(name).stem)
    log = tmp_path / "log"

    def run(items=names, workers=Workers(1), crash=False, **parameters):  # noqa: B008
        log.write_text("")
        work = Work(join, content_of, {"log": str(log), **parameters}, "join")
        try:
            with finished_shards(work, items, 3, tmp_path / "work", workers) as paths:
                results = [path.read_text() for path in paths]
                if crash:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        return results, [
            [Path(n).stem for n in json.loads(x)] for x in log.read_text().splitlines()
        ]

    run.names, run.folder = names, tmp_path / "work"
    return run


WHOLE = ["012", "345", "678", "9"]


@pytest.mark.parametrize("workers", [Workers(1), Workers(2, "threads")])
def test_results_come_in_order_and_the_work_folder_goes(house, workers):
    results, worked = house(workers=workers)
    assert results == WHOLE and len(worked) == 4
    assert not house.folder.exists()


def test_what_is_finished_is_not_worked_again(house):
    house(crash=True)
    assert house() == (WHOLE, [])
    assert house()[1] == [list(shard) for shard in WHOLE], "and is gone once it was used"


def test_an_error_keeps_what_was_finished_before(house):
    with pytest.raises(RecordError, match="a fault"):
        house(fail=house.names[7])
    assert len(list(house.folder.glob("[!.]*"))) == 2
    with pytest.raises(RecordError, match="a fault"):
        house(fail=house.names[7])
    with pytest.raises(RecordError):
        house(fail=house.names[0])
    assert not house.folder.exists(), "nothing was finished for these parameters"


def test_another_parameter_makes_every_shard_anew(house):
    house(crash=True)
    assert len(house(other=1)[1]) == 4


def test_other_items_make_their_shard_anew_and_no_other(house):
    house(crash=True)
    results, worked = house(items=house.names[:9])
    assert (results, worked) == (WHOLE[:3], [])
    house(crash=True)
    assert house(items=[*house.names[:9], house.names[0]]) == ([*WHOLE[:3], "0"], [["0"]])


@pytest.mark.parametrize("keep_times", [False, True])
def test_a_file_that_changed_makes_its_shard_anew_whatever_its_times_say(house, keep_times):
    house(crash=True)
    path, times = Path(house.names[4]), Path(house.names[4]).stat()
    path.write_text("x")  # the same size
    if keep_times:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert house(crash=True) == (["012", "3x5", "678", "9"], [["3", "4", "5"]])
    path.write_text("4")
    assert house() == (WHOLE, [["3", "4", "5"]])


def test_a_file_that_went_is_noticed(house):
    house(crash=True)
    Path(house.names[4]).unlink()
    with pytest.raises(FileNotFoundError):
        house()


def test_other_code_makes_every_shard_anew(house, monkeypatch):
    house(crash=True)
    monkeypatch.setattr(shards, "code_version", lambda: "other")
    assert len(house()[1]) == 4


def test_half_a_shard_of_a_killed_run_is_not_taken(house):
    house(crash=True)
    (finished,) = (path for path in house.folder.glob("[!.]*") if path.read_text() == "345")
    finished.rename(house.folder / f".part-{finished.name}")
    assert house(crash=True) == (WHOLE, [["3", "4", "5"]])
    assert not list(house.folder.glob(".part-*"))


def test_two_processes_do_not_work_in_one_folder(house):
    work = Work(join, content_of, {"log": os.devnull}, "join")
    with (
        finished_shards(work, house.names, 3, house.folder, Workers(1)),
        pytest.raises(ECGLensError, match="another process that works there"),
    ):
        house()


def test_no_items_are_no_shards(house):
    assert house(items=[]) == ([], [])
    assert not house.folder.exists()


def test_a_worker_of_another_version_is_refused(house):
    call = (join, content_of, house.names[:1], {}, "of the client", None)
    with pytest.raises(ClusterError, match=r"expected of the client.*restart the worker"):
        shards._answer(*call)


def test_without_dask_the_error_names_the_extra(house, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"no package distributed.*pip install 'ecglens\[pip"):
        house(workers=Workers(2))
    assert house(workers=Workers(1))[0] == WHOLE


@pytest.mark.parametrize("kind", ["threads", pytest.param("processes", marks=pytest.mark.slow)])
def test_workers_of_this_machine_listen_on_loopback_alone(house, recwarn, kind):
    work, workers = Work(ports, content_of, {"begun_by": os.getpid()}, "look"), Workers(2, kind)
    with finished_shards(work, house.names, 5, house.folder, workers) as paths:
        found = [address for path in paths for address in json.loads(path.read_text())]
    assert len(found) >= 2 and {*found} == {"127.0.0.1"}
    assert not [w for w in recwarn if "Port" in str(w.message)]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1"])
def test_a_scheduler_that_is_not_there_is_an_error_that_says_what_to_start(
    house, monkeypatch, address
):
    monkeypatch.setattr(cluster_module, "CONNECT", 1.0)
    with pytest.raises(ClusterError, match=r"found no answer.*Start one with 'dask scheduler'"):
        house(workers=Workers(scheduler=address))
    assert not house.folder.exists()
