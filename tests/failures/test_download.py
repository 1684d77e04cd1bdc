"""What a fetch refuses, and what it says: bad lists, bad zips, bad servers, bad disks."""

import contextlib
import fcntl
import hashlib
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from http_folder import Fault, publish, serving, write_sums
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.datasets import archive
from ecglens.datasets.checksums import sha256
from ecglens.datasets.download import Patience, Server, WrongFileError
from ecglens.datasets.physionet import fetch
from ecglens.errors import DatasetError, ECGLensError, ParameterError

QUICK = Patience(tries=3, backoff=0.001, longest_wait=0.1, timeout=10.0)
SITE = "/files/ludb/1.0.1/"
ZIP = "/content/ludb/get-zip/1.0.1/"
FILES = {"ludb.csv": b"ID\n1\n", "data/1.hea": b"1 12 500 5000\n", "data/1.dat": bytes(range(200))}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server(tmp_path):
    publish(tmp_path / "www", "ludb", "1.0.1", FILES)
    with serving(tmp_path / "www") as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "raw" / "ludb"


def get(server, folder, **options):
    return fetch("ludb", folder, **{"address": server.address, "patience": QUICK, **options})


def site_of(server):
    return server.root / SITE.strip("/")


def everything_under(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


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


def sums(files):
    return {path: hashlib.sha256(data).digest() for path, data in files.items()}


def pack(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return packed.getvalue()


def unpack(tmp_path, data, wanted=None):
    (tmp_path / "in").mkdir(exist_ok=True)
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    wanted = sums(FILES) if wanted is None else wanted
    return archive.unpack(path, tmp_path / "in", tmp_path / "in" / ".fetch", wanted)


@pytest.mark.parametrize(
    "name", ["../evil", "top/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "top//evil"]
)
def test_a_zip_that_names_a_file_outside_is_refused_as_a_whole(tmp_path, name):
    files = {"top/" + path: data for path, data in FILES.items()}
    with pytest.raises(WrongFileError, match="paths inside the data set"):
        unpack(tmp_path, pack({**files, name: b"evil"}))
    assert everything_under(tmp_path) == ["in", "set.zip"]


def test_a_link_in_a_zip_becomes_no_link(tmp_path):
    link = zipfile.ZipInfo("top/data/1.dat")
    link.external_attr = 0o120777 << 16
    done = unpack(tmp_path, pack({"top/ludb.csv": FILES["ludb.csv"], link: b"/etc/passwd"}))
    assert done == ["ludb.csv"]
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


def test_a_zip_that_declares_a_hundred_times_its_size_is_refused_unread(tmp_path):
    bomb = pack({"top/ludb.csv": FILES["ludb.csv"], "top/data/1.dat": bytes(3_000_000)})
    assert len(bomb) < 30_000
    with pytest.raises(
        WrongFileError, match=r"found 3000005 bytes packed in \d+; expected at most"
    ):
        unpack(tmp_path, bomb)
    assert everything_under(tmp_path / "in") == []


def test_a_zip_that_declares_less_than_it_holds_is_damaged_and_gives_no_byte_more(tmp_path):
    zeros = bytes(3_000_000)
    bomb = pack({"top/data/1.dat": zeros})
    lie = bomb.replace(len(zeros).to_bytes(4, "little"), (100_000).to_bytes(4, "little"))
    assert lie != bomb
    with pytest.raises(WrongFileError, match="a damaged zip"):
        unpack(tmp_path, lie)
    written = [path.stat().st_size for path in (tmp_path / "in").rglob("*") if path.is_file()]
    assert sum(written) <= 100_000


def test_many_members_over_the_same_bytes_are_refused(tmp_path):
    """Fifield 2019, A better zip bomb: the directory points to one body a thousand times."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("top/0", np.random.default_rng(1).bytes(3_000) * 20)
        first = target.infolist()[0]
        for number in range(1, 1_000):
            member = zipfile.ZipInfo(f"top/{number}")
            for field in ("CRC", "compress_size", "file_size", "header_offset", "compress_type"):
                setattr(member, field, getattr(first, field))
            target.filelist.append(member)
    with pytest.raises(WrongFileError, match="at most 100 times as many"):
        unpack(tmp_path, packed.getvalue())


def encrypted(data):
    """Set the bit that says so, in both headers of every member."""
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(mark), data):
            at = found.start() + offset
            data = data[:at] + bytes([data[at] | 1]) + data[at + 1 :]
    return data


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"<!doctype html>",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-10],
        lambda data: data.replace(FILES["data/1.dat"][:50], bytes(50)),
        encrypted,
    ],
    ids=["empty", "a web page", "half", "no end", "flipped bits", "encrypted"],
)
def test_a_damaged_zip_is_named_and_what_it_held_is_not_trusted(tmp_path, spoil):
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as target:
        for path, data in FILES.items():
            target.writestr("top/" + path, data)
    with pytest.raises(WrongFileError, match=r"set.zip: found a damaged zip .* without --zip"):
        unpack(tmp_path, spoil(stored.getvalue()))
    assert not (tmp_path / "in" / "data" / "1.dat").exists()


ZIPPED = pack({"top/" + path: data for path, data in FILES.items()})


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(ZIPPED) - 1), st.integers(0, 255)), min_size=1, max_size=6
    ),
    st.integers(0, len(ZIPPED)),
)
def test_no_change_of_a_zip_brings_a_wrong_file_or_another_kind_of_error(changes, end):
    data = bytearray(ZIPPED)
    for at, value in changes:
        data[at] = value
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(ECGLensError):
            unpack(Path(folder), bytes(data[: end or None]))
        for path, digest in sums(FILES).items():
            target = Path(folder) / "in" / path
            assert not target.exists() or sha256(target) == digest
        assert not (Path(folder) / "evil").exists()


def test_a_damaged_zip_is_not_kept_for_the_next_run(server, folder):
    (server.root / ZIP.strip("/")).mkdir(parents=True)
    index = server.root / ZIP.strip("/") / "index"
    index.write_bytes(b"no zip")
    with pytest.raises(DatasetError, match="a damaged zip"):
        get(server, folder, as_zip=True)
    index.write_bytes(ZIPPED)
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


# ---- servers


def test_a_version_that_is_not_there_is_named_by_its_address(server, folder):
    with pytest.raises(DatasetError, match=r"files/ludb/9.9/SHA256SUMS.txt: found HTTP 404"):
        fetch("ludb/9.9", folder, address=server.address, patience=QUICK)
    assert not folder.exists()


@pytest.mark.parametrize("status", [401, 403])
def test_a_set_that_needs_an_account_says_how_to_get_in(server, folder, status):
    server.faults[SITE + "SHA256SUMS.txt"].append(Fault(status=status))
    with pytest.raises(DatasetError, match=rf"HTTP {status} .*account.*--user.*\.netrc.*wget"):
        get(server, folder)
    assert not folder.exists()


def test_with_the_account_the_set_comes_and_with_a_wrong_one_it_does_not(server, folder):
    server.account = ("anna", "secret")
    for wrong in (None, ("anna", "guess")):
        with pytest.raises(DatasetError, match="HTTP 401"):
            get(server, folder, auth=wrong)
    assert get(server, folder, auth=server.account).files == len(FILES) + 1


def test_an_account_in_netrc_is_found(server, folder, tmp_path, monkeypatch):
    server.account = ("anna", "secret")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login anna password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert get(server, folder).files == len(FILES) + 1


def test_a_host_that_does_not_answer_is_named_with_the_reason_and_the_tries(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(DatasetError, match=r"no answer: Connection refused \(3 times in a row\)"):
        fetch("ludb", tmp_path / "raw", address=address, patience=QUICK)
    assert everything_under(tmp_path) == []


def test_a_server_that_falls_silent_is_given_up_and_what_came_is_kept(server, folder):
    server.faults[SITE + "data/1.dat"].append(Fault(cut=80))
    server.faults[SITE + "data/1.dat"].extend([Fault(stall=1.0)] * 3)
    with pytest.raises(DatasetError, match=r"data/1.dat: found no answer: .*3 times.*goes on"):
        get(server, folder, patience=replace(QUICK, timeout=0.5))
    part = folder / ".fetch" / "files" / "data" / "1.dat.part"
    assert part.read_bytes() == FILES["data/1.dat"][:80]


def test_a_server_that_stays_in_trouble_is_given_up(server, folder):
    server.faults["*"].extend([Fault(status=503, method="HEAD")] * 3)
    with pytest.raises(DatasetError, match=r"HTTP 503 .*\(3 times in a row\)"):
        get(server, folder)
    assert len(server.log) == 3


def test_a_server_without_ranges_that_always_breaks_at_one_place_is_given_up(server, folder):
    server.ranges = False
    server.faults[SITE + "data/1.dat"].extend([Fault(cut=100)] * 50)
    with pytest.raises(DatasetError, match=r"data/1.dat: found a cut connection: .*\(3 times"):
        get(server, folder)
    assert len(server.asked(SITE + "data/1.dat")) <= 4


def test_redirects_in_a_circle_are_left(server, folder):
    here = (("Location", SITE + "data/1.dat"),)
    server.faults[SITE + "data/1.dat"].extend([Fault(status=302, headers=here)] * 20)
    with pytest.raises(DatasetError, match="Exceeded 5 redirects"):
        get(server, folder)


def answer_with(data):
    """Give an address at which whoever asks gets these bytes, whatever they are."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:  # closed: the test has ended
                return
            with connection:
                connection.recv(10_000)
                connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return listening


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        np.random.default_rng(2).bytes(3_000),
    ],
    ids=["nothing", "ssh", "no number", "two lengths", "no chunk", "no address", "heads", "noise"],
)
def test_what_is_no_http_is_an_error_of_ours(tmp_path, data):
    with answer_with(data) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(DatasetError, match=address):
            fetch("ludb", tmp_path / "raw", address=address, patience=QUICK)
        listening.shutdown(socket.SHUT_RDWR)


def certificate(folder):
    """Write a certificate of 127.0.0.1 and its key, signed by nobody but itself."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / "certificate.pem"
    path.write_bytes(key.private_bytes(encoding, form, plain) + signed.public_bytes(encoding))
    return path


@pytest.fixture
def secure(tmp_path):
    publish(tmp_path / "www", "ludb", "1.0.1", FILES)
    with serving(tmp_path / "www", tls=certificate(tmp_path)) as running:
        yield running


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(secure, folder):
    with pytest.raises(DatasetError, match="certificate that can be trusted"):
        get(secure, folder)
    assert not secure.log


def test_https_serves_and_does_not_lead_to_http(secure, tmp_path, folder, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with serving(tmp_path / "www") as plain:
        to = (("Location", f"{plain.address}{SITE}data/1.dat"),)
        secure.faults[SITE + "data/1.dat"].append(Fault(status=302, headers=to))
        with pytest.raises(DatasetError, match=r"redirect to http://.*expected https all the way"):
            get(secure, folder)
    assert not (folder / "data" / "1.dat").exists()
    get(secure, folder)
    assert (folder / "data" / "1.dat").read_bytes() == FILES["data/1.dat"]


def test_a_server_that_holds_another_set_is_left_before_all_of_it_has_come(tmp_path, folder):
    files = {f"data/{number}.dat": b"%d" % number for number in range(400)}
    site = publish(tmp_path / "www", "ludb", "1.0.1", files)
    write_sums(site, dict.fromkeys(files, "0" * 64))
    with serving(tmp_path / "www") as server:
        with pytest.raises(DatasetError, match="100 files"):
            get(server, folder)
        assert len(server.log) < 250
    assert not [path for path in folder.rglob("*.dat") if path.is_file()]


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
