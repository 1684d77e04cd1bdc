"""A real HTTP server on loopback that serves a folder as PhysioNet does, and fails when told to."""

import base64
import gc
import hashlib
import os
import socket
import ssl
import threading
import time
from collections import defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

PUBLISHED = 1_600_000_000  # seconds; when the sets of the tests were last modified
PIECE = 4096  # bytes written at once


@dataclass(frozen=True)
class Fault:
    """How one answer goes wrong.

    ``status``: this one, without a body. ``cut``: the connection breaks after so many bytes of the
    body. ``body``: other bytes. ``length``: declared instead of the true one; -1 declares none.
    ``headers``: sent besides. ``stall``: seconds without a byte, then the connection breaks.
    """

    status: int | None = None
    cut: int | None = None
    body: bytes | None = None
    length: int | None = None
    headers: tuple = ()
    stall: float = 0.0
    method: str = "GET"


@dataclass(frozen=True)
class Request:
    """What was asked for, and how many bytes of a body were sent in answer."""

    method: str
    path: str
    start: int
    status: int
    sent: int


class FolderServer(ThreadingHTTPServer):
    """Serves ``root``.

    ``faults``: by path, for the requests to come, in turn; one under "*" is for every path.
    ``ranges``: whether parts of a file can be had. ``rate``: bytes a second of a connection.
    ``account``: name and password that it asks for. ``together``: so many GETs are answered at once
    or none. ``headers``: of every request. ``sent``: bytes of bodies up to now.
    """

    daemon_threads = True
    request_queue_size = 64  # more connections at once than the 5 of the class would wait a second

    def __init__(self, root: Path, tls: Path | None = None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.faults, self._log = root, defaultdict(deque), []
        self.ranges, self.rate, self.account, self.together = True, None, None, None
        self.sent, self.headers, self._busy = 0, [], 0
        self.lock = threading.Lock()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.address = f"http{'s' if tls else ''}://127.0.0.1:{self.server_port}"

    def fault(self, method: str, path: str) -> Fault:
        with self.lock:
            for waiting in (self.faults[path], self.faults["*"]):
                if waiting and waiting[0].method == method:
                    return waiting.popleft()
        return Fault()

    @property
    def log(self) -> list[Request]:
        """Requests that were answered; waits until every connection has ended."""
        gc.collect()  # an exception that was caught may still hold a client's connections
        while self._busy:
            time.sleep(0.002)
        return self._log

    @property
    def bytes_sent(self) -> int:
        """Bytes of bodies since the log began; waits as it does."""
        return sum(request.sent for request in self.log)

    def asked(self, path: str, method: str = "GET") -> list[Request]:
        return [item for item in self.log if (item.method, item.path) == (method, path)]

    def forget(self) -> None:
        self.log.clear()

    def process_request_thread(self, request, client_address) -> None:
        with self.lock:
            self._busy += 1
        super().process_request_thread(request, client_address)
        with self.lock:
            self._busy -= 1

    def handle_error(self, request, client_address) -> None:
        """Say nothing: a client that was killed breaks its connections."""


@contextmanager
def serving(root: Path, tls: Path | None = None):
    """Give a server of ``root`` that runs until the block ends."""
    server = FolderServer(root, tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def publish(
    root: Path, project: str, version: str, files: dict[str, bytes], modified: int = PUBLISHED
) -> Path:
    """Write a set as PhysioNet lays it out; return its folder, with ``SHA256SUMS.txt``."""
    folder = root / "files" / project / version
    records = sorted({path[:-4] for path in files if path.endswith(".hea")})
    files = {**files, "RECORDS": "".join(f"{record}\n" for record in records).encode()}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    write_sums(folder, {path: hashlib.sha256(files[path]).hexdigest() for path in sorted(files)})
    os.utime(folder / "SHA256SUMS.txt", (modified, modified))
    return folder


def write_sums(folder: Path, digests: dict[str, str]) -> None:
    lines = [f"{digest} {path}\n" for path, digest in digests.items()]
    (folder / "SHA256SUMS.txt").write_text("".join(lines))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    server: FolderServer

    def log_message(self, *_):
        """Say nothing; the server's log has it."""

    def do_HEAD(self):
        self._answer("HEAD")

    def do_GET(self):
        if self.server.together is not None:
            self.server.together.wait()
        self._answer("GET")

    def _answer(self, method: str) -> None:
        path = unquote(self.path)
        fault = self.server.fault(method, path)
        with self.server.lock:
            self.server.headers.append(self.headers)
        status, body, headers = self._content(path, fault)
        if fault.stall:
            time.sleep(fault.stall)
            return self._break()
        sent, length = 0, len(body) if fault.length is None else fault.length
        self.send_response(status)
        for key, value in (*headers, *fault.headers):
            self.send_header(key, value)
        if length >= 0:
            self.send_header("Content-Length", str(length))
        else:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if method == "GET":
            sent = self._write(body if fault.cut is None else body[: fault.cut])
        start = next((int(v.split()[1].split("-")[0]) for k, v in headers if status == 206), 0)
        with self.server.lock:
            self.server._log.append(Request(method, path, start, status, sent))
        if fault.cut is not None or (0 <= length != len(body) and method == "GET"):
            self._break()

    def _content(self, path: str, fault: Fault) -> tuple[int, bytes, list]:
        if self._stranger():
            return 401, b"", [("WWW-Authenticate", 'Basic realm="PhysioNet"')]
        if fault.status is not None:
            return fault.status, fault.body or b"", []
        file = self.server.root / path.strip("/")
        file = file / "index" if file.is_dir() else file
        if not file.is_file():
            return 404, b"no such file", []
        body = file.read_bytes() if fault.body is None else fault.body
        headers = [("Last-Modified", formatdate(file.stat().st_mtime, usegmt=True))]
        if "Range" not in self.headers or not self.server.ranges:
            return 200, body, headers
        start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            return 416, b"", [("Content-Range", f"bytes */{len(body)}")]
        range_ = ("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        return 206, body[start:], [range_, *headers]

    def _stranger(self) -> bool:
        if self.server.account is None:
            return False
        right = base64.b64encode(":".join(self.server.account).encode()).decode()
        return self.headers.get("Authorization") != f"Basic {right}"

    def _write(self, body: bytes) -> int:
        for start in range(0, len(body), PIECE):
            piece = body[start : start + PIECE]
            self.wfile.write(piece)
            with self.server.lock:
                self.server.sent += len(piece)
            if self.server.rate:
                time.sleep(len(piece) / self.server.rate)
        return len(body)

    def _break(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
