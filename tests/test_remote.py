"""Stores on object storage: a real WebDAV server on loopback, and fsspec's own memory."""

import json
import shutil
import threading

import fsspec
import numpy as np
import pytest
from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp

from ecglens.batch import find_records, read_record
from ecglens.cli import main
from ecglens.errors import DatasetError, ParameterError
from ecglens.preparation import prepare
from ecglens.remote import Place, RemoteArray
from ecglens.store import copy_store, open_store


@pytest.fixture(scope="module")
def local(simulated_set, tmp_path_factory):
    """Forty prepared records on the disk."""
    folder = tmp_path_factory.mktemp("local") / "signals"
    files = [(f"{n:04d}", f"records100/00000/{n:05d}_lr") for n in range(1, 41)]
    prepare(simulated_set, files, folder, sampling_frequency=100, seconds=10.0)
    return folder


@pytest.fixture(scope="module")
def webdav(tmp_path_factory):
    """Serve an empty folder over WebDAV; gives it, and a way to read the log of requests."""
    folder = tmp_path_factory.mktemp("dav")
    requests = []

    def noted(environment, start):
        requests.append((environment["REQUEST_METHOD"], environment.get("HTTP_RANGE")))
        return application(environment, start)

    application = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": {"*": True}},
            "logging": {"enable": False},
        }
    )
    server = wsgi.Server(("127.0.0.1", 0), noted)
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()
    known = dict(fsspec.config.conf)
    fsspec.config.conf["webdav"] = {"base_url": f"http://127.0.0.1:{server.bind_addr[1]}"}
    yield folder, requests
    fsspec.config.conf.clear()
    fsspec.config.conf.update(known)
    server.stop()


@pytest.fixture(params=["webdav", "memory"])
def address(request):
    """Return the address of a folder that is not there yet, a test its own."""
    if request.param == "webdav":
        request.getfixturevalue("webdav")
    return f"{request.param}://sets/{request.node.name.replace('[', '-').strip(']')}"


ROWS = [
    0,
    -1,
    slice(None),
    slice(5, 30, 3),
    slice(7, 7),
    np.array([3]),
    np.array([30, 2, 3, 4, 2, 39]),
    np.arange(40) % 3 == 0,
    [5, 5],
]
NAMES = ["first", "last", "all", "steps", "none", "array", "doubled", "truth", "list"]


@pytest.mark.parametrize("rows", ROWS, ids=NAMES)
def test_rows_of_a_remote_store_are_those_of_the_local_one(local, address, rows):
    copy_store(local, address)
    here, there = open_store(local), open_store(address)
    assert isinstance(there.counts, RemoteArray) and there.counts.dtype == here.counts.dtype
    assert there.counts.shape == here.counts.shape and there.samples == here.samples
    assert np.array_equal(there.counts[rows], here.counts[rows])
    assert there.counts[rows].shape == here.counts[rows].shape
    assert np.array_equal(there.millivolts(rows), here.millivolts(rows))


def test_the_rest_of_a_remote_store_is_that_of_the_local_one(local, address):
    copy_store(local, address)
    here, there = open_store(local), open_store(address)
    assert there.record_ids.tolist() == here.record_ids.tolist()
    assert there.record_ids[0] == "0001"
    assert (there.sha256, there.sampling_frequency) == (here.sha256, here.sampling_frequency)
    assert there.folder == address


def test_a_store_goes_there_and_back_to_the_byte(local, address, tmp_path):
    copy_store(local, address)
    copy_store(address, tmp_path / "back")
    assert {p.name: p.read_bytes() for p in (tmp_path / "back").iterdir()} == {
        p.name: p.read_bytes() for p in local.iterdir()
    }


def test_only_the_ranges_asked_for_are_read_and_neighbours_at_once(local, webdav, monkeypatch):
    copy_store(local, "webdav://ranges")
    store = open_store("webdav://ranges")
    asked = []
    files = store.counts._place.files
    real = files.cat_ranges
    monkeypatch.setattr(
        files, "cat_ranges", lambda p, s, e, **o: asked.append((s, e)) or real(p, s, e, **o)
    )
    store.millivolts([7, 8, 9, 20])
    size = 1000 * 12 * 2
    start = 128
    assert asked == [
        ([start + 7 * size, start + 20 * size], [start + 10 * size, start + 21 * size])
    ]


def test_a_run_of_rows_is_asked_for_in_parts_of_bounded_size(local, monkeypatch):
    copy_store(local, "memory://parts")
    store = open_store("memory://parts")
    monkeypatch.setattr("ecglens.remote._RANGE", 24_000 * 7)
    asked = []
    real = Place.ranges
    monkeypatch.setattr(
        Place, "ranges", lambda s, n, a, b: asked.extend(zip(a, b, strict=True)) or real(s, n, a, b)
    )
    assert np.array_equal(store.counts[:], np.load(local / "signals.npy"))
    assert [end - start for start, end in asked] == [24_000 * 7] * 5 + [24_000 * 5]


def test_records_of_a_remote_store_are_predicted_as_local_ones(local, webdav, exported, capsys):
    copy_store(local, "webdav://predict")
    items = find_records(["webdav://predict"])
    assert [item.record_id for item in items][:2] == ["0001", "0002"]
    assert np.array_equal(read_record(items[39]).signal, open_store(local).millivolts([39])[0])
    said = []
    for where in ("webdav://predict", str(local)):
        assert main(["predict", where, "--json", "--model", str(exported.file)]) == 0
        lines = capsys.readouterr().out.splitlines()
        said.append([json.loads(line)["labels"] for line in lines])
    assert said[0] == said[1] and len(said[0]) == 40


def test_the_command_copies(local, webdav, capsys, tmp_path):
    assert main(["copy-store", str(local), "webdav://command"]) == 0
    assert capsys.readouterr().out == f"webdav://command: a copy of {local}\n"
    assert (webdav[0] / "command" / "index.json").is_file()


# -- what goes wrong


def test_a_store_without_its_index_is_none_and_a_broken_copy_has_none(local, address, monkeypatch):
    copy_store(local, address)
    real = Place.put

    def put(self, path, name):
        if name == "records.csv":
            raise ConnectionResetError
        real(self, path, name)

    monkeypatch.setattr(Place, "put", put)
    with pytest.raises(ConnectionResetError):
        copy_store(local, address)
    with pytest.raises(DatasetError, match=r"no index\.json.*ecglens copy-store"):
        open_store(address)


def test_a_storage_copy_that_is_cut_short_is_noticed(local, webdav):
    copy_store(local, "webdav://short")
    store = open_store("webdav://short")
    signals = webdav[0] / "short" / "signals.npy"
    signals.write_bytes(signals.read_bytes()[:-1000])
    with pytest.raises(DatasetError):
        store.counts[39]


def test_damaged_signals_are_not_copied_either_way(local, webdav, tmp_path):
    shutil.copytree(local, tmp_path / "damaged")
    counts = np.load(tmp_path / "damaged/signals.npy", mmap_mode="r+")
    counts[3, 4, 5] += 1
    counts.flush()
    with pytest.raises(DatasetError, match="signals with the SHA-256"):
        copy_store(tmp_path / "damaged", "webdav://damaged")
    assert not (webdav[0] / "damaged").exists()
    shutil.copytree(tmp_path / "damaged", webdav[0] / "damaged")
    with pytest.raises(DatasetError, match="signals with the SHA-256"):
        copy_store("webdav://damaged", tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array at all" * 100])
def test_signals_that_are_no_array_are_refused(local, content):
    copy_store(local, "memory://none")
    fsspec.filesystem("memory").pipe_file("/none/signals.npy", content)
    with pytest.raises(DatasetError):
        open_store("memory://none")


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ("nonsense://x", "storage that cannot be opened.*FSSPEC"),
        ("memory://nowhere", r"no signals\.npy, records\.csv, index\.json"),
    ],
)
def test_an_address_that_holds_no_store_is_refused(where, match):
    with pytest.raises(DatasetError, match=match):
        open_store(where)


def test_a_server_that_does_not_answer_is_an_error_of_the_storage(webdav, monkeypatch):
    monkeypatch.setitem(fsspec.config.conf, "webdav", {"base_url": "http://127.0.0.1:9"})
    with pytest.raises(DatasetError, match=r"webdav://x: found a storage that answers \w+"):
        open_store("webdav://x")


def test_a_copy_is_between_a_folder_and_an_address(tmp_path):
    for pair in (("memory://a", "memory://b"), (tmp_path / "a", tmp_path / "b")):
        with pytest.raises(ParameterError, match="a folder and an address"):
            copy_store(*pair)
