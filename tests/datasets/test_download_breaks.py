"""A set's single zip, a fetch that is killed and goes on, lists of checksums, threads."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from http_folder import Fault, write_sums
from hypothesis import given
from hypothesis import strategies as st
from small_ptb_xl import (
    DAT,
    SITE,
    SIZE,
    ZIP,
    content,
    get,
    published,
    serve_zip,
    set_zip,
)

from ecglens.datasets import download
from ecglens.datasets.checksums import is_inside, read_sums, select
from ecglens.errors import DatasetError

pytestmark = pytest.mark.usefixtures("no_proxy")


# ---- the single zip


def test_a_set_comes_out_of_its_zip_and_the_zip_does_not_stay(server, folder):
    serve_zip(server, set_zip(published(server)))
    get(server, folder, as_zip=True)
    assert content(folder) == published(server)
    assert {request.path for request in server.log if request.method == "GET"} == {
        SITE + "SHA256SUMS.txt",
        ZIP,
    }


def test_a_zip_without_a_folder_of_its_own_serves_as_well(server, folder):
    serve_zip(server, set_zip(published(server), top=""))
    get(server, folder, as_zip=True)
    assert content(folder) == published(server)


def test_a_cut_zip_is_gone_on_with(server, folder):
    data = set_zip(published(server))
    serve_zip(server, data)
    server.faults[ZIP].extend([Fault(cut=100_000), Fault(cut=200_000)])
    get(server, folder, as_zip=True)
    assert [request.start for request in server.asked(ZIP)] == [0, 100_000, 300_000]
    assert sum(request.sent for request in server.asked(ZIP)) == len(data)
    assert content(folder) == published(server)


def test_what_a_zip_lacks_or_holds_otherwise_comes_file_by_file(server, folder):
    members = {**published(server), DAT: b"\0" * SIZE, "records100/extra.dat": b"unlisted"}
    del members["ptbxl_database.csv"]
    serve_zip(server, set_zip(members))
    get(server, folder, as_zip=True)
    singly = {request.path for request in server.log if request.method == "GET"} - {ZIP}
    assert singly == {SITE + path for path in (DAT, "ptbxl_database.csv", "SHA256SUMS.txt")}
    assert content(folder) == published(server)


def test_a_part_of_a_set_can_come_out_of_its_zip(server, folder):
    serve_zip(server, set_zip(published(server)))
    get(server, folder, as_zip=True, only=["records100"])
    assert not [path for path in content(folder) if path.startswith("records500")]


def test_a_zip_is_not_fetched_for_a_set_that_is_there(server, folder):
    get(server, folder)
    server.forget()
    serve_zip(server, set_zip(published(server)))
    get(server, folder, as_zip=True)
    assert server.bytes_sent == 0


# ---- a process that is killed


def start_fetch(server, folder, *options):
    command = [sys.executable, "-m", "ecglens.cli", "fetch", "ptb-xl", folder]
    return subprocess.Popen(
        [*command, "--address", server.address, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Tests that run in a shell's background ignore an interrupt, and what they start would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def kill_when(server, process, sent):
    deadline = time.monotonic() + 60
    while server.sent < sent:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_after_a_kill_a_second_run_fetches_the_rest_and_only_that(server, folder, share):
    whole = published(server)
    total = sum(map(len, whole.values()))
    server.rate = 400_000
    kill_when(server, start_fetch(server, folder, "--threads", "3"), share * total)
    parts = {path: data for path, data in content(folder).items() if path.startswith(".fetch")}
    named = {path: data for path, data in content(folder).items() if path not in parts}
    assert all(whole[path] == data for path, data in named.items())
    kept = sum(map(len, parts.values())) + sum(map(len, named.values()))
    assert kept > share / 2 * total
    server.rate = None
    server.forget()
    process = start_fetch(server, folder)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert server.bytes_sent == total - kept
    assert content(folder) == whole
    assert "files fetched" in out and "100%" in err


def test_after_a_kill_a_zip_is_gone_on_with(server, folder):
    data = set_zip(published(server))
    serve_zip(server, data)
    server.rate = 400_000
    kill_when(server, start_fetch(server, folder, "--zip"), len(data) // 2)
    kept = (folder / ".fetch" / "set.zip.part").stat().st_size
    assert kept > len(data) // 3
    server.rate = None
    server.forget()
    assert start_fetch(server, folder, "--zip").wait(60) == 0
    assert server.bytes_sent == len(data) - kept
    assert content(folder) == published(server)


def test_an_interrupted_fetch_ends_before_the_rest_and_keeps_what_came(server, folder):
    server.rate = 20_000  # half a minute for the whole
    process = start_fetch(server, folder)
    while server.sent < 60_000:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and err.endswith("the same command goes on from here\n")
    assert any((folder / ".fetch").rglob("*.part"))


# ---- lists of checksums


def test_lists_as_physionet_and_sha256sum_write_them_are_read(tmp_path):
    path = tmp_path / "SHA256SUMS.txt"
    path.write_bytes(
        b"ab" * 32 + b" data/1.dat\n" + b"CD" * 32 + b"  a b.csv\r\n" + b"01" * 32 + b" *c.csv"
    )
    assert read_sums(path) == {
        "data/1.dat": b"\xab" * 32,
        "a b.csv": b"\xcd" * 32,
        "c.csv": b"\x01" * 32,
    }


@given(st.text(st.sampled_from("ab./\\: \0\n"), max_size=12))
def test_a_path_that_passes_stays_in_its_folder(path):
    if is_inside(path):
        base = Path("/base/folder")
        joined = Path(os.path.normpath(base / path))
        assert base in joined.parents and "\\" not in path and joined == base / path


@given(st.lists(st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2}){0,2}", fullmatch=True), min_size=1))
def test_a_list_is_read_as_it_was_written_and_every_folder_of_it_can_be_chosen(paths):
    digests = {path: f"{number:064x}" for number, path in enumerate(dict.fromkeys(paths))}
    with tempfile.TemporaryDirectory() as folder:
        write_sums(Path(folder), digests)
        sums = read_sums(Path(folder) / "SHA256SUMS.txt")
    assert {path: digest.hex() for path, digest in sums.items()} == digests
    for path in paths:
        if "/" in path:
            top = path.split("/")[0]
            inside = {p for p in digests if p.startswith(top + "/") or "/" not in p}
            assert select(sums, [top]).keys() == inside


def test_a_million_items_are_worked_off_by_a_few_threads_each_once():
    seen, lock = [], threading.Lock()

    def work(item):
        with lock:
            seen.append(item)

    download.in_threads(work, range(100_000), 4)
    assert sorted(seen) == list(range(100_000))


def test_the_first_fault_in_a_thread_ends_the_others():
    done = []

    def work(item):
        if item == 10:
            raise DatasetError("item", "10", "another")
        done.append(item)
        time.sleep(0.001)

    with pytest.raises(DatasetError):
        download.in_threads(work, range(10_000), 4)
    assert len(done) < 100
