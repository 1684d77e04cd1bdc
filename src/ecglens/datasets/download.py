"""Files over HTTP: resumed after a break, retried after a fault, named only when proven right.

A file grows beside its place, as a ``.part``, and gets its name by one rename after its SHA-256 was
found to be the published one. So whatever ends the process, no half or wrong file has a right name.
"""

import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError

from ecglens import __version__
from ecglens.datasets.checksums import sha256
from ecglens.errors import DatasetError

CHUNK = 2**18  # bytes, at most, between two looks at whether to stop
LARGEST = 2**36  # bytes; a server that sends more than 64 GB under one name is not sending a file
MAY_PASS = (429, 500, 502, 503, 504)  # HTTP statuses of a server in trouble
AGAIN = "Run the same command again: it goes on where it stopped."
ACCESS = (
    "The publisher wants an account, and for some sets training and a signed agreement. Give the "
    "account with --user, or in ~/.netrc. physionet.org itself takes a password from wget alone: "
    "its page of the set shows the command, and `sha256sum --check --quiet SHA256SUMS.txt` checks "
    "what it brought."
)


@dataclass(frozen=True)
class Patience:
    """How much to bear from a server.

    Parameters
    ----------
    tries : int
        In a row, without a byte gained.
    backoff : float
        s before the third try; doubled before each that follows. The second comes at once.
    longest_wait : float
        s between two tries, whatever the server's ``Retry-After`` says.
    timeout : float
        s without a byte.
    """

    tries: int = 6
    backoff: float = 0.5
    longest_wait: float = 60.0
    timeout: float = 60.0

    def retry(self) -> Retry:
        """Return urllib3's count of tries, fresh."""
        return Retry(
            total=self.tries - 1,
            backoff_factor=self.backoff,
            backoff_max=self.longest_wait,
            retry_after_max=self.longest_wait,
        )


class WrongFileError(DatasetError):
    """A file that a server lacks, or holds with another content; others can still be fetched."""


class _PassingError(Exception):
    """A fault that may pass: a cut connection, a server in trouble."""

    def __init__(self, found: str, answer: requests.Response | None = None, size: int = 0):
        super().__init__(found)
        self.answer, self.size = answer, size  # bytes of the file that there are now


class Server:
    """What the threads of a fetch share: connections, patience, and the wish to stop.

    Parameters
    ----------
    patience : Patience
        How much to bear.
    auth : tuple of str, optional
        Name and password. Without, requests looks into ``~/.netrc``. A redirect to another host
        does not carry them along.
    connections : int
        At most, at a time.
    """

    def __init__(
        self, patience: Patience, auth: tuple[str, str] | None = None, connections: int = 1
    ):
        self.patience, self.stop = patience, threading.Event()
        self._session = requests.Session()
        # The tries are counted in `_bear`, which also sees a body that was cut and can be stopped.
        adapter = HTTPAdapter(pool_maxsize=connections, pool_block=True, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._session.auth, self._session.max_redirects = auth, 5
        # A compressed body could not be resumed: its bytes are not the file's.
        self._session.headers.update(
            {"User-Agent": f"ecglens/{__version__}", "Accept-Encoding": "identity"}
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self._session.close()

    def head(self, url: str) -> tuple[int | None, float | None]:
        """Return a file's size in bytes and when it was last modified, as far as the server says.

        Raises
        ------
        DatasetError
            If the server gives no answer, however often it is asked.
        """

        def attempt():
            with self._ask("HEAD", url, {}) as answer:
                if not answer.ok:
                    return None, None
                size = answer.headers.get("Content-Length", "")
                return int(size) if size.isdecimal() else None, _modified(answer)

        return self._bear(url, attempt)

    def download(
        self,
        url: str,
        part: Path,
        advance: Callable[[int], object] = lambda count: None,
        *,
        largest: int = LARGEST,
    ) -> float | None:
        """Bring a file to ``part``, going on from what is there.

        Parameters
        ----------
        url : str
            Where from.
        part : Path
            Where to; its folder is made.
        advance : callable
            Told of bytes gained, and of bytes (less than 0) that had to be thrown away.
        largest : int
            Bytes that the file may have.

        Returns
        -------
        float or None
            When the server says it was last modified.

        Raises
        ------
        WrongFileError
            If there is no such file.
        DatasetError
            If the server gives no answer, refuses, or sends more than ``largest``.
        """
        part.parent.mkdir(parents=True, exist_ok=True)
        return self._bear(url, lambda: self._attempt(url, part, advance, largest))

    def _bear(self, url: str, attempt: Callable):
        """Return what ``attempt`` returns, tried again for as long as patience lasts."""
        retry, furthest = self.patience.retry(), 0
        while True:
            try:
                return attempt()
            except _PassingError as fault:
                if fault.size > furthest:  # not if each try begins anew and breaks at one place
                    retry, furthest = self.patience.retry(), fault.size
                try:  # a copy: the fault itself would hold on to its connection
                    retry = retry.increment("GET", url, error=HTTPError(str(fault)))
                except MaxRetryError:
                    found = f"{fault} ({self.patience.tries} times in a row)"
                    raise DatasetError(url, found, "the whole file", AGAIN) from None
                if self.stop.wait(_wait(retry, fault.answer)):
                    raise CancelledError from None

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        if self.stop.is_set():
            raise CancelledError
        try:
            answer = self._session.request(
                method, url, headers=headers, stream=True, timeout=self.patience.timeout,
                allow_redirects=True,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise DatasetError(url, _reason(error), "a certificate that can be trusted") from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _PassingError(f"no answer: {_reason(error)}") from None
        except (requests.RequestException, HTTPError, ValueError) as error:  # in a redirect too
            raise DatasetError(url, _reason(error), "the address of a file") from None
        if url.startswith("https:") and not answer.url.startswith("https:"):
            raise DatasetError(url, f"a redirect to {answer.url}", "https all the way")
        if answer.status_code in MAY_PASS:
            answer.close()
            raise _PassingError(f"HTTP {answer.status_code} {answer.reason}", answer)
        return answer

    def _attempt(self, url: str, part: Path, advance: Callable, largest: int) -> float | None:
        """Ask once for what ``part`` lacks, and add what comes."""
        there = part.stat().st_size if part.exists() else 0
        with self._ask("GET", url, {"Range": f"bytes={there}-"} if there else {}) as answer:
            start = _start(answer, url, there)
            if start is None:
                return None
            if start != there:
                advance(start - there)
                os.truncate(part, start)
                if answer.status_code != 200:
                    raise _PassingError("another range of bytes than the one asked for")
            self._receive(answer, url, part, advance, largest)
            return _modified(answer)

    def _receive(self, answer, url: str, part: Path, advance: Callable, largest: int) -> None:
        size = part.stat().st_size if part.exists() else 0
        declared = size + (answer.raw.length_remaining or 0)
        with open(part, "ab") as file:
            try:
                while max(size, declared) <= largest and not self.stop.is_set():
                    # read1 gives what has come, so that nothing is lost when the connection breaks.
                    chunk = answer.raw.read1(CHUNK, decode_content=False)
                    if not chunk:
                        return
                    file.write(chunk)
                    file.flush()
                    advance(len(chunk))
                    size += len(chunk)
            except HTTPError as error:
                raise _PassingError(f"a cut connection: {_reason(error)}", size=size) from None
        if self.stop.is_set():
            raise CancelledError
        part.unlink()
        found = f"{max(size, declared)} bytes or more"
        raise DatasetError(url, found, f"a file of at most {largest} bytes")


def _start(answer: requests.Response, url: str, there: int) -> int | None:
    """Return the byte at which an answer begins; None if ``there`` bytes are all of the file."""
    status, range_ = answer.status_code, answer.headers.get("Content-Range", "")
    if status == 200:
        return 0
    if there and status == 206:
        return there if range_.startswith(f"bytes {there}-") else 0
    if there and status == 416:
        return None if range_ == f"bytes */{there}" else 0
    found = f"HTTP {status} {answer.reason}"
    if status in (401, 403):
        raise DatasetError(url, found, "leave to read it", ACCESS)
    if status in (404, 410):
        raise WrongFileError(url, found, "a file", "Is the address right, and the version?")
    raise DatasetError(url, found, "a file")


def _wait(retry: Retry, answer: requests.Response | None) -> float:
    """Return the seconds before the next try: what the server asks for, or more each time."""
    try:
        asked = retry.get_retry_after(answer.raw) if answer is not None else None
    except InvalidHeader:  # neither seconds nor a date: then as if it had not asked
        asked = None
    return asked or retry.get_backoff_time()


def _modified(answer: requests.Response) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers.get("Last-Modified", "")).timestamp()
    except ValueError:  # no date
        return None


def _reason(error: BaseException) -> str:
    """Return the first cause's own words: the others wrap them in each other's names."""
    while error.__context__ is not None:
        error = error.__context__
    return str(getattr(error, "strerror", None) or error)


def bring(
    server: Server, url: str, digest: bytes, part: Path, target: Path, advance: Callable
) -> None:
    """Fetch a file to ``target``, where it stands only with the content that ``digest`` is of.

    Raises
    ------
    WrongFileError
        If the server lacks it, or sent twice in a row, from its first byte, something else.
    DatasetError
        As :meth:`Server.download`.
    """
    # What an earlier run left may be of another file: it costs a try, but is no proof.
    for _ in range(3 if part.exists() else 2):
        server.download(url, part, advance)
        size, found = part.stat().st_size, sha256(part)
        if found == digest:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)
            return
        part.unlink()
        advance(-size)
    raise WrongFileError(url, f"{size} bytes of SHA-256 {found.hex()}", f"SHA-256 {digest.hex()}")


def require_space(folder: Path, needed: int, for_what: str) -> None:
    """Refuse to begin what the disk of ``folder`` has no room for (``needed``: bytes).

    Raises
    ------
    DatasetError
        If there is less.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            folder,
            f"{free / 1e9:.1f} GB free",
            f"{needed / 1e9:.1f} GB for {for_what}",
            "Make room, name a folder on another disk, or fetch a part: --only FOLDER.",
        )


def in_threads(
    work: Callable, items: Iterable, threads: int, stop: threading.Event | None = None
) -> None:
    """Call ``work`` on each item, from several threads; the first exception ends them all.

    Items are taken as threads become free: a future for each of a million files would not fit.
    """
    pending, stop = deque(items), stop or threading.Event()

    def worker() -> None:
        while not stop.is_set():
            try:
                item = pending.popleft()
            except IndexError:
                return
            work(item)

    with ThreadPoolExecutor(threads) as pool:
        workers = [pool.submit(worker) for _ in range(min(threads, len(pending)))]
        try:
            for done in as_completed(workers):
                done.result()
        except BaseException:
            stop.set()
            raise
