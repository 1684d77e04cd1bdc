"""Servers that fail or mislead: given up in words, with what came kept."""

import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from http_folder import Fault, publish, serving, write_sums
from small_ludb import (
    FILES,
    QUICK,
    SITE,
    everything_under,
    get,
)

from ecglens.datasets.physionet import fetch
from ecglens.errors import DatasetError

pytestmark = pytest.mark.usefixtures("no_proxy")


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
