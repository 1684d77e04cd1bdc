"""What a fetch refuses of a set, its lists, names and servers, and what it says."""

import fcntl
import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from http_folder import Fault, publish, serving, write_sums
from small_ludb import (
    FILES,
    QUICK,
    SITE,
    ZIP,
    everything_under,
    get,
    pack,
    site_of,
    sums,
)

from ecglens.datasets.download import Patience, Server
from ecglens.datasets.physionet import fetch
from ecglens.errors import DatasetError, ParameterError

pytestmark = pytest.mark.usefixtures("no_proxy")


# ---- the list of checksums


@pytest.mark.parametrize(
    "path",
    [
        "../evil", "data/../../evil", "/etc/evil", "data/./1", "data//1", "data/", "..", ".",
        "..\\evil", "C:/evil", "data/\x1b[31m", "data/1\0", ".fetch/lock", ".fetch/files/a.part",
    ],
)  # fmt: skip
def test_a_listed_path_that_leaves_the_folder_is_refused(server, tmp_path, folder, path):
    write_sums(site_of(server), {"ludb.csv": "0" * 64, path: "0" * 64})
    before = everything_under(tmp_path)
    with pytest.raises(
        DatasetError, match=r"SHA256SUMS.txt: found the path .* inside the data set"
    ):
        get(server, folder)
    assert set(everything_under(tmp_path)) - set(before) == {"raw"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", "an empty list"),
        (b"<!doctype html><title>Log in</title>", "'<!doctype html>"),
        (b"\n" + b"0" * 64 + b" a\n", "in line 1"),
        (b"0" * 64 + b" a\n" + b"0" * 63 + b" b\n", "in line 2"),
        (b"0" * 64 + b" \n", "in line 1"),
        (b"g" * 64 + b" a\n", "in line 1"),
        (b"0" * 64 + b" a\n" + b"1" * 64 + b" a\n", "two checksums of a"),
        (b"0" * 64 + b" SHA256SUMS.txt\n", "an empty list"),
        (np.random.default_rng(1).bytes(5_000), "in line 1"),
    ],
)
def test_a_list_of_another_kind_is_named_with_its_line(server, folder, text, found):
    (site_of(server) / "SHA256SUMS.txt").write_bytes(text)
    with pytest.raises(DatasetError, match=f"{server.address}.*SHA256SUMS.txt: .*{found}"):
        get(server, folder)
    assert not folder.exists()


def test_a_list_without_an_end_is_given_up(server, tmp_path):
    endless = Fault(body=b"0" * 3_000, length=-1)
    server.faults[SITE + "ludb.csv"].append(endless)
    with Server(QUICK) as connected, pytest.raises(DatasetError, match="at most 2000 bytes"):
        connected.download(server.address + SITE + "ludb.csv", tmp_path / "part", largest=2_000)
    assert not (tmp_path / "part").exists()


def test_a_size_beyond_reason_is_refused_before_it_is_received(server, tmp_path):
    server.faults[SITE + "ludb.csv"].append(Fault(length=10**15))
    with Server(QUICK) as connected, pytest.raises(DatasetError, match="1000000000000000 bytes"):
        connected.download(server.address + SITE + "ludb.csv", tmp_path / "part")
    assert not (tmp_path / "part").exists()


def test_a_path_that_is_a_file_and_a_folder_is_an_error_with_its_name(server, folder):
    write_sums(site_of(server), {"data": "0" * 64, "data/1.dat": sums(FILES)["data/1.dat"].hex()})
    with pytest.raises(DatasetError, match="data"):
        get(server, folder)


# ---- the zip


def test_a_damaged_zip_is_not_kept_for_the_next_run(server, folder):
    (server.root / ZIP.strip("/")).mkdir(parents=True)
    index = server.root / ZIP.strip("/") / "index"
    index.write_bytes(b"no zip")
    with pytest.raises(DatasetError, match="a damaged zip"):
        get(server, folder, as_zip=True)
    index.write_bytes(pack({"top/" + path: data for path, data in FILES.items()}))
    get(server, folder, as_zip=True)
    assert {path.name for path in folder.rglob("*") if path.is_file()} >= {"1.dat", "ludb.csv"}


def test_a_set_without_a_zip_says_so(server, folder):
    with pytest.raises(DatasetError, match=f"{ZIP}: found HTTP 404"):
        get(server, folder, as_zip=True)


# ---- names and addresses


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ptbxl", 'Did you mean "ptb-xl"'),
        ("", "a known set, or PROJECT/VERSION"),
        ("ptb-xl/../..", "a known set"),
        ("ptb-xl/1.0.3/records100", "a known set"),
        ("https://physionet.org/files/ptb-xl", "a known set"),
    ],
)
def test_an_unknown_set_is_refused_with_those_that_are_known(tmp_path, name, said):
    with pytest.raises(ParameterError, match=said):
        fetch(name, tmp_path / "raw")
    assert everything_under(tmp_path) == []


@pytest.mark.parametrize("address", ["physionet.org", "ftp://physionet.org", "https://", ""])
def test_an_address_that_is_none_is_refused(tmp_path, address):
    with pytest.raises(ParameterError, match=r"address: .* https://HOST"):
        fetch("ludb", tmp_path / "raw", address=address)


def test_a_password_does_not_go_over_plain_http(tmp_path):
    with pytest.raises(ParameterError, match="https, as a password goes with it"):
        fetch("ludb", tmp_path, address="http://example.org", auth=("anna", "secret"))


def test_no_threads_are_too_few(tmp_path):
    with pytest.raises(ParameterError, match="threads: found 0; expected 1 or more"):
        fetch("ludb", tmp_path, threads=0)


def test_a_part_that_the_set_does_not_have_is_refused_with_what_it_has(server, folder):
    with pytest.raises(ParameterError, match=r"no such file in the set.*Did you mean \"data\""):
        get(server, folder, only=["dat"])
    assert not [request for request in server.log if request.path.endswith(".dat")]


# ---- disks and neighbours


def test_two_fetches_into_one_folder_are_one_too_many(server, folder):
    (folder / ".fetch").mkdir(parents=True)
    with open(folder / ".fetch" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DatasetError, match=r"another fetch at work.*Wait until it has ended"):
            get(server, folder)
    get(server, folder)


def test_a_file_where_the_folder_should_be_is_an_error_with_its_name(server, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DatasetError, match=r"file.*expected room, and leave to write"):
        get(server, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_where_a_file_should_be_is_an_error_with_its_name(server, folder):
    (folder / "ludb.csv" / "mine").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"ludb.csv.*directory"):
        get(server, folder)
    assert (folder / "ludb.csv" / "mine").is_dir()


def run_fetch(server, folder, *options, limit=None):
    """Run the real command; ``limit``: bytes that any file of its may have, as on a full disk."""
    set_limit = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        if limit
        else ""
    )
    code = f"{set_limit}import sys; from ecglens.cli import main; sys.exit(main())"
    to = [folder, "--address", server.address]
    return subprocess.run(
        [sys.executable, "-c", code, "fetch", "ludb", *to, *options],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip


def test_a_disk_that_runs_full_ends_the_command_with_one_line_and_leaves_no_half_file(
    tmp_path, folder
):
    files = {**FILES, "data/2.dat": bytes(50_000)}
    publish(tmp_path / "www", "ludb", "1.0.1", files)
    with serving(tmp_path / "www") as server:
        done = run_fetch(server, folder, limit=20_000)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert re.search(r"ecglens: .*found File too large; expected room", done.stderr)
        assert not (folder / "data" / "2.dat").exists()
        assert run_fetch(server, folder).returncode == 0
    assert (folder / "data" / "2.dat").read_bytes() == bytes(50_000)


def test_the_command_says_in_one_line_what_is_wrong(server, folder):
    done = run_fetch(server, folder, "--only", "records100")
    assert done.returncode == 1 and done.stdout == ""
    found = "ecglens: only 'records100': found no such file in the set"
    assert done.stderr == f"{found}; expected one of it. Known: data.\n"


def test_a_wait_for_a_server_can_be_interrupted(server, tmp_path):
    server.faults["*"].extend([Fault(status=503, headers=(("Retry-After", "30"),))] * 5)
    with Server(Patience(longest_wait=30.0)) as connected:
        threading.Timer(0.3, connected.stop.set).start()
        with pytest.raises(Exception) as raised:
            connected.download(server.address + SITE + "ludb.csv", tmp_path / "part")
        assert type(raised.value).__name__ == "CancelledError"
