"""Fetching from a real server in PhysioNet's layout: whole, resumed, retried, never twice."""

import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from http_folder import PUBLISHED, Fault, publish, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ptb_xl import (
    DAT,
    FILES,
    QUICK,
    SITE,
    SIZE,
    content,
    get,
    published,
)

from ecglens.datasets.download import Patience, Server
from ecglens.datasets.physionet import SETS, fetch
from ecglens.errors import DatasetError

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_a_fetched_set_is_the_published_one_byte_for_byte_and_nothing_else(server, folder):
    done = get(server, folder)
    assert content(folder) == published(server)
    assert done.files == len(FILES) + 1 and done.there == 0  # RECORDS as well
    assert done.size == sum(map(len, FILES.values())) + len(published(server)["RECORDS"])


def test_a_second_fetch_transfers_no_byte(server, folder):
    get(server, folder)
    server.forget()
    done = get(server, folder)
    assert server.bytes_sent == 0
    assert [request.method for request in server.log] == ["HEAD"]
    assert (done.files, done.there) == (0, len(FILES) + 1)


def test_bodies_are_asked_for_uncompressed_and_under_the_program_s_own_name(server, folder):
    get(server, folder)
    assert {headers["Accept-Encoding"] for headers in server.headers} == {"identity"}
    assert all(headers["User-Agent"].startswith("ecglens/") for headers in server.headers)


@pytest.mark.parametrize("name", SETS)
def test_every_known_set_is_asked_for_where_physionet_keeps_it(tmp_path, name):
    files = {f"training/georgia/g1/E0000{n}.hea": b"E" for n in range(3)}
    publish(tmp_path / "www", name, SETS[name], files)
    with serving(tmp_path / "www") as server:
        fetch(name, tmp_path / "raw", address=server.address + "/", patience=QUICK)
        assert content(tmp_path / "raw") == published(server, f"{name}/{SETS[name]}")


def test_any_other_project_is_named_with_its_version(tmp_path):
    publish(tmp_path / "www", "ptbdb", "1.0.0", {"patient001/s0010_re.hea": b"s"})
    with serving(tmp_path / "www") as server:
        fetch("ptbdb/1.0.0", tmp_path / "raw", address=server.address, patience=QUICK)
    assert (tmp_path / "raw/patient001/s0010_re.hea").read_bytes() == b"s"


def test_a_cut_connection_is_gone_on_with_where_it_broke(server, folder):
    server.faults[SITE + DAT].append(Fault(cut=9_000))
    get(server, folder)
    asked = server.asked(SITE + DAT)
    assert [(request.start, request.sent) for request in asked] == [(0, 9_000), (9_000, 15_000)]
    assert content(folder) == published(server)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 4_000), max_size=8), size=st.integers(1, 9_000))
def test_however_often_a_connection_breaks_each_byte_is_sent_once(cuts, size):
    data = np.random.default_rng(size).bytes(size)
    with tempfile.TemporaryDirectory() as place:
        site = publish(Path(place) / "www", "ludb", "1.0.1", {"data/1.dat": data})
        with serving(Path(place) / "www") as server:
            server.faults["/files/ludb/1.0.1/data/1.dat"].extend(Fault(cut=cut) for cut in cuts)
            fetch("ludb", Path(place) / "raw", address=server.address, patience=QUICK)
            assert (Path(place) / "raw/data/1.dat").read_bytes() == data
            assert server.bytes_sent == sum(map(len, content(site).values()))


@pytest.mark.parametrize("seed", range(5))
def test_a_set_comes_whole_through_a_storm_of_faults(server, folder, seed):
    rng = np.random.default_rng(seed)
    to_itself = (("Location", SITE + DAT),)
    storm = (
        Fault(cut=700), Fault(cut=0), Fault(status=500), Fault(status=429), Fault(status=503),
        Fault(body=b"corrupt"), Fault(status=302, headers=to_itself),
    )  # fmt: skip
    for path in FILES:
        for pick in rng.permutation(len(storm))[:2]:
            server.faults[SITE + path].append(storm[pick])
    for _ in range(3):  # two wrong answers to one file give it up for this run
        with contextlib.suppress(DatasetError):
            get(server, folder)
        whole = published(server)
        there = {path: data for path, data in content(folder).items() if ".fetch" not in path}
        assert all(whole[path] == data for path, data in there.items())
    assert content(folder) == whole


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(server, folder, status):
    server.faults[SITE + DAT].extend([Fault(status=status)] * 3)
    get(server, folder)
    asked = server.asked(SITE + DAT)
    assert [request.status for request in asked] == [status, status, status, 200]
    assert content(folder) == published(server)


def test_even_the_first_question_is_asked_again(server, folder):
    server.faults[SITE + "SHA256SUMS.txt"].append(Fault(status=503, method="HEAD"))
    server.faults[SITE + "SHA256SUMS.txt"].append(Fault(cut=100))
    get(server, folder)
    assert content(folder) == published(server)


def test_tries_are_counted_anew_when_bytes_were_gained(server, folder):
    server.faults[SITE + DAT].extend([Fault(cut=1_000)] * 3 * QUICK.tries)
    get(server, folder)
    assert len(server.asked(SITE + DAT)) == 3 * QUICK.tries + 1


@pytest.mark.parametrize(
    ("asked", "least"),
    [("60", 0.2), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("soon", 0), ("-3", 0)],
)
def test_the_wait_that_a_server_asks_for_is_kept_up_to_a_limit(server, tmp_path, asked, least):
    server.faults["*"].append(Fault(status=429, headers=(("Retry-After", asked),)))
    start = time.monotonic()
    with Server(QUICK) as connected:
        connected.download(server.address + SITE + DAT, tmp_path / "part")
    assert time.monotonic() - start >= least


def test_waits_grow_from_try_to_try():
    retry, waits = Patience(backoff=0.5, longest_wait=3.0).retry(), []
    for _ in range(5):
        retry = retry.increment("GET", "/", error=OSError())
        waits.append(retry.get_backoff_time())
    assert waits == [0, 1.0, 2.0, 3.0, 3.0]


def test_a_corrupt_answer_is_thrown_away_and_asked_for_again(server, folder):
    server.faults[SITE + DAT].append(Fault(body=b"\0" * SIZE))
    get(server, folder)
    assert content(folder) == published(server)


@pytest.mark.parametrize("body", [b"\0" * SIZE, FILES[DAT][:-1], FILES[DAT] + b"\0", b""])
def test_a_file_that_stays_wrong_is_named_and_gets_no_name_while_the_others_come(
    server, folder, body
):
    server.faults[SITE + DAT].extend([Fault(body=body)] * 2)
    with pytest.raises(DatasetError, match=f"1 files that the server holds otherwise.*{DAT}"):
        get(server, folder)
    expected = published(server)
    del expected[DAT]
    assert content(folder) == expected
    assert get(server, folder).files == 1  # and once the server has mended it, it alone comes


def test_a_file_that_the_server_lacks_is_named_while_the_others_come(server, folder):
    (server.root / SITE.strip("/") / DAT).unlink()
    with pytest.raises(DatasetError, match=f"{DAT}: HTTP 404"):
        get(server, folder)
    assert content(folder) == published(server)


def test_a_redirect_to_another_place_is_followed_and_gets_no_password(server, tmp_path, folder):
    publish(tmp_path / "elsewhere", "moved", "1", {"file": FILES[DAT]})
    with serving(tmp_path / "elsewhere") as other:
        to = (("Location", f"{other.address}/files/moved/1/file"),)
        server.account = ("anna", "secret")
        server.faults[SITE + DAT].extend([Fault(status=302, headers=to)] * 2)
        other.faults["*"].append(Fault(cut=5_000))
        get(server, folder, auth=server.account)
        assert [request.start for request in other.log] == [0, 5_000]
        assert [headers["Authorization"] for headers in other.headers] == [None, None]
    assert content(folder) == published(server)


def test_a_server_that_gives_no_ranges_is_asked_for_the_whole_again(server, folder):
    server.ranges = False
    server.faults[SITE + DAT].append(Fault(cut=9_000))
    get(server, folder)
    assert [request.sent for request in server.asked(SITE + DAT)] == [9_000, SIZE]
    assert content(folder) == published(server)


@pytest.mark.parametrize(
    "wrong",
    [
        Fault(status=206, body=b"x" * 50, headers=(("Content-Range", "bytes 0-49/24000"),)),
        Fault(status=206, body=b"x" * 50),
        Fault(status=416, headers=(("Content-Range", "bytes */7"),)),
        Fault(status=416),
    ],
    ids=["another range", "no range", "a shorter file", "no reason"],
)
def test_a_wrong_answer_to_a_range_costs_a_try_and_nothing_else(server, folder, wrong):
    corrupt = Fault(body=b"\0" * SIZE)  # the first wrong content; a second would end it
    server.faults[SITE + DAT].extend([Fault(cut=9_000), wrong, corrupt])
    get(server, folder)
    assert content(folder) == published(server)


@pytest.mark.parametrize(
    ("left", "sent"),
    [
        (FILES[DAT][:10_000], SIZE - 10_000),
        (FILES[DAT], 0),
        (b"\0" * 10_000, 2 * SIZE - 10_000),
        (FILES[DAT] + b"\0", SIZE),
        (b"", SIZE),
    ],
    ids=["a true beginning", "all of it", "another file's", "too much", "nothing"],
)
def test_what_a_killed_fetch_left_is_used_when_it_is_right(server, folder, left, sent):
    part = folder / ".fetch" / "files" / f"{DAT}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    get(server, folder)
    assert sum(request.sent for request in server.asked(SITE + DAT)) == sent
    assert content(folder) == published(server)


def test_a_file_that_is_there_otherwise_is_replaced_and_counted(server, folder):
    get(server, folder)
    (folder / DAT).write_bytes(b"\0" * SIZE)
    done = get(server, folder)
    assert (done.files, done.replaced) == (1, 1)
    assert content(folder) == published(server)


def test_a_wrong_file_does_not_keep_its_name_when_the_server_fails(server, folder):
    get(server, folder)
    (folder / DAT).write_bytes(FILES[DAT][:100])
    server.faults[SITE + DAT].extend([Fault(status=500)] * QUICK.tries)
    with pytest.raises(DatasetError, match=rf"{DAT}: found HTTP 500 .*\(4 times in a row"):
        get(server, folder)
    assert not (folder / DAT).exists()


def test_another_link_to_a_replaced_file_keeps_its_content(server, folder, tmp_path):
    (folder / DAT).parent.mkdir(parents=True)
    (tmp_path / "cache").write_bytes(FILES[DAT][:500])
    os.link(tmp_path / "cache", folder / DAT)
    get(server, folder)
    assert (tmp_path / "cache").read_bytes() == FILES[DAT][:500]


def test_a_newer_list_of_checksums_brings_what_has_changed_and_no_more(server, folder):
    get(server, folder)
    server.forget()
    site = publish(server.root, "ptb-xl", "1.0.3", {**FILES, DAT: b"corrected"}, PUBLISHED + 9)
    assert get(server, folder).files == 1
    assert server.bytes_sent == len(b"corrected") + (site / "SHA256SUMS.txt").stat().st_size
    assert content(folder) == published(server)


def test_files_of_one_s_own_are_left_alone(server, folder):
    folder.mkdir(parents=True)
    (folder / "my_notes.txt").write_text("mine")
    get(server, folder)
    assert content(folder) == {**published(server), "my_notes.txt": b"mine"}


@pytest.mark.parametrize(
    ("only", "count"),
    [
        (["records100"], 12),
        (["records100/"], 12),
        (["records100/*.hea"], 6),
        (["records100/00000/00001_lr.*", "records500/00000/00002_hr.dat"], 3),
        (["notes", "records100/00000"], 13),
    ],
)
def test_a_part_of_a_set_comes_with_the_tables_at_its_top(server, folder, only, count):
    get(server, folder, only=only)
    come = content(folder).keys()
    tables = {path for path in published(server) if "/" not in path}
    assert tables <= come and len(come - tables) == count


def test_a_part_can_be_completed_later(server, folder):
    get(server, folder, only=["records100"])
    server.forget()
    get(server, folder)
    assert not [request for request in server.log if "records100" in request.path]
    assert content(folder) == published(server)


def test_so_many_files_come_at_a_time(server, folder):
    get(server, folder, only=["notes"])
    server.together = threading.Barrier(4, timeout=10)  # breaks unless four come together
    get(server, folder, only=["notes", "records100"], threads=4)
    assert content(folder).keys() >= {path for path in FILES if path.startswith("records100")}


def test_a_bar_counts_bytes_up_to_all_of_them(server, folder, capsys):
    server.faults[SITE + DAT].append(Fault(cut=9_000))
    server.faults[SITE + DAT].append(Fault(body=b"\0" * SIZE))
    get(server, folder)
    last = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("fetch ptb-xl 1.0.3: 100%") and "866k/866k" in last


def test_a_set_that_the_disk_has_no_room_for_is_refused_before_it_begins(server, folder):
    huge = Fault(length=10**17, method="HEAD")
    for number in range(1, 7):
        server.faults[f"{SITE}records500/00000/0000{number}_hr.dat"].append(huge)
    with pytest.raises(DatasetError, match=r"GB free; expected 60000000\d\.\d GB for what lacks"):
        get(server, folder)
    assert {request.path for request in server.log if request.method == "GET"} == {
        SITE + "SHA256SUMS.txt"
    }


def test_room_is_judged_by_a_few_files_of_each_kind(tmp_path):
    files = {f"data/{number}.dat": b"x" * 100 for number in range(500)}
    publish(tmp_path / "www", "ludb", "1.0.1", files)
    with serving(tmp_path / "www") as server:
        fetch("ludb", tmp_path / "raw", address=server.address, patience=QUICK)
        assert len([request for request in server.log if request.method == "HEAD"]) < 15
