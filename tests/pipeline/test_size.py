"""A prepare stage that is killed goes on where it stopped, also through DVC."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow

DEADLINE = 300  # s


@pytest.fixture(scope="module")
def project(new_project, tmp_path_factory):
    """Return a project with a manifest of 1,500 records, which are six shards."""
    project = new_project(tmp_path_factory.mktemp("size") / "project")
    project.set_params(**{"simulated.records": 1500}, dataset="simulated", workers=1)
    project.repro("label")
    return project


def shards(project):
    """Return the finished shards, name and state."""
    found = (project.folder / "data/simulated/signals.work").glob("[!.]*")
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def kill_with(project, least, log):
    """Start ``dvc repro prepare`` and kill it, with DVC, once so many shards are finished."""
    process = project.start("dvc", "repro", "prepare", output=log)
    deadline = time.monotonic() + DEADLINE
    while len(shards(project)) < least:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(DEADLINE) == -signal.SIGKILL
    assert not (project.folder / "data/simulated/signals").exists()
    return shards(project)


def arrays(project):
    folder = project.folder / "data/simulated/signals"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_killed_prepare_keeps_its_shards_and_ends_with_the_bytes_of_one_that_was_not(
    project, tmp_path
):
    first = kill_with(project, 2, tmp_path / "log")
    second = kill_with(project, 4, tmp_path / "log")
    assert len(first) >= 2 and first.items() <= second.items(), "a shard was worked again"
    assert project.repro("prepare").ran == ["prepare"]
    resumed = arrays(project)
    assert not (project.folder / "data/simulated/signals.work").exists()
    project.repro("--force", "--single-item", "prepare")
    assert len(resumed) == 4 and arrays(project) == resumed


def test_who_does_the_work_is_no_reason_to_do_it_again(project):
    project.repro("prepare")
    project.set_params(workers=2, workers_are="threads", scheduler='"tcp://127.0.0.1:1"')
    assert project.repro("prepare").ran == []


def test_a_scheduler_that_is_not_there_ends_the_stage_with_one_line(project):
    project.set_params(scheduler='"tcp://127.0.0.1:1"', seconds="9.0", other_lengths="cut")
    output = project.repro("prepare", succeeds=False)
    assert "ecglens: tcp://127.0.0.1:1: found no answer" in output
    assert "Traceback" not in output
