"""Fetching of data sets in PhysioNet's file layout, from PhysioNet or any copy of it.

``ADDRESS/files/PROJECT/VERSION/`` holds a set's files and ``SHA256SUMS.txt``, which lists them all.
Goldberger et al. 2000, Circulation 101:e215, doi 10.1161/01.CIR.101.23.e215.
"""

import fcntl
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from tqdm import tqdm

from ecglens.datasets import archive
from ecglens.datasets.checksums import SCRATCH, SUMS, read_sums, select, sha256
from ecglens.datasets.download import (
    Patience,
    Server,
    WrongFileError,
    bring,
    in_threads,
    require_space,
)
from ecglens.errors import DatasetError, ParameterError, did_you_mean

PHYSIONET = "https://physionet.org"
SETS = {  # project: version
    "ptb-xl": "1.0.3",
    "ludb": "1.0.1",
    "challenge-2020": "1.0.2",
    "challenge-2021": "1.0.3",
    "mimic-iv-ecg": "1.0",
}
LARGEST_SUMS = 2**30  # bytes; MIMIC-IV-ECG's 1.6 million lines are a fifth of it
MOST_WRONG = 100  # files; a server with so many does not hold the set
SAMPLE = 8  # files of a kind whose size is asked for before a fetch
BLOCK = 4096  # bytes; a file takes up whole blocks of the disk


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Parameters
    ----------
    files : int
        That came.
    size : int
        Their bytes.
    there : int
        Files that stood there as published.
    replaced : int
        Files among ``files`` that stood there otherwise.
    """

    files: int = 0
    size: int = 0
    there: int = 0
    replaced: int = 0


@dataclass(frozen=True)
class _Job:
    """A set on a server and the folder that it goes to."""

    server: Server
    files: str
    zip: str
    folder: Path
    scratch: Path
    threads: int

    def url(self, path: str) -> str:
        return self.files + quote(path)

    def part(self, path: str) -> Path:
        return self.scratch / "files" / f"{path}.part"

    @property
    def whole_zip(self) -> Path:
        return self.scratch / "set.zip"

    def each(self, work: Callable, items: Sequence) -> None:
        in_threads(work, items, self.threads, self.server.stop)


def fetch(
    name: str,
    folder: Path,
    *,
    address: str = PHYSIONET,
    only: Sequence[str] = (),
    as_zip: bool = False,
    threads: int = 8,
    auth: tuple[str, str] | None = None,
    patience: Patience | None = None,
) -> Fetched:
    """Make a folder hold a published data set: what is right stays, what lacks or differs comes.

    Parameters
    ----------
    name : str
        A project of :data:`SETS`, or "PROJECT/VERSION".
    folder : Path
        Where to. Files in it that the set does not list are left alone.
    address : str
        Of PhysioNet, or of a server with the same layout.
    only : sequence of str
        Folders, such as "records100", or patterns, such as "training/georgia/*.hea". Files at the
        top of the set, its tables, always come along. Empty: the whole set.
    as_zip : bool
        Fetch the set's single zip first, then whatever it lacks file by file.
    threads : int
        Files at a time.
    auth : tuple of str, optional
        Name and password; otherwise those of ``~/.netrc``, if any.
    patience : Patience, optional
        With a server that fails.

    Returns
    -------
    Fetched
        How much came, and how much was there.

    Raises
    ------
    ParameterError
        If the name, address or a pattern means nothing.
    DatasetError
        If the server lacks the set, refuses it or gives no answer, a file is not as published, the
        disk has no room, or another fetch is at work in the folder. What has come is kept.
    """
    project, version = _project(name)
    _check_address(address, auth)
    if threads < 1:
        raise ParameterError("threads", str(threads), "1 or more")
    site, folder = address.rstrip("/"), Path(folder)
    try:
        with (
            _alone_in(folder) as scratch,
            Server(patience or Patience(), auth, connections=threads) as server,
        ):
            files = f"{site}/files/{project}/{version}/"
            archive_url = f"{site}/content/{project}/get-zip/{version}/"
            job = _Job(server, files, archive_url, folder, scratch, threads)
            return _fetch(job, f"{project} {version}", only, as_zip)
    except OSError as error:
        found = error.strerror or str(error)
        raise DatasetError(error.filename or folder, found, "room, and leave to write") from None


def _fetch(job: _Job, title: str, only: Sequence[str], as_zip: bool) -> Fetched:
    wanted = select(_current_sums(job), only)
    missing, replaced = _missing(job, wanted)
    if not missing:
        return Fetched(there=len(wanted))
    size, room = _estimate(job, missing)
    if as_zip and not job.whole_zip.exists():
        room += job.server.head(job.zip)[0] or 0
    come = sum(part.stat().st_size for part in job.scratch.rglob("*.part"))
    require_space(job.folder, room - come, f"what lacks of {title}, by the sizes of a few files")
    done = _from_zip(job, missing, title) if as_zip else set()
    rest = {path: digest for path, digest in missing.items() if path not in done}
    if rest:
        _one_by_one(job, rest, title, 0 if done else size)
    size = sum((job.folder / path).stat().st_size for path in missing)
    return Fetched(len(missing), size, len(wanted) - len(missing), replaced)


def _project(name: str) -> tuple[str, str]:
    if name in SETS:
        return name, SETS[name]
    if re.fullmatch(r"[a-z0-9][a-z0-9-]*/[0-9][0-9a-z.-]*", name):
        project, version = name.split("/")
        return project, version
    mend = did_you_mean(name, SETS)
    raise ParameterError("set", repr(name), "a known set, or PROJECT/VERSION", mend)


def _check_address(address: str, auth: tuple[str, str] | None) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        mend = f"For example {PHYSIONET}."
        raise ParameterError("address", repr(address), "https://HOST, or http://HOST", mend)
    if auth and parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ParameterError("address", address, "https, as a password goes with it")


@contextmanager
def _alone_in(folder: Path) -> Iterator[Path]:
    """Give the folder for what is not proven right yet, to one fetch at a time.

    Two that wrote to one part could change a file after it was proven right and had its name.
    """
    scratch, new = folder / SCRATCH, not folder.exists()
    scratch.mkdir(parents=True, exist_ok=True)
    with open(scratch / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = os.fstat(lock.fileno()).st_nlink  # else the fetch that held it has just ended
        except BlockingIOError:
            free = False
        if not free:
            found = "another fetch at work in it"
            raise DatasetError(folder, found, "one at a time", "Wait until it has ended.")
        try:
            yield scratch
        finally:
            if not any(path.suffix in (".part", ".zip") for path in scratch.rglob("*")):
                shutil.rmtree(scratch)
                if new and not any(folder.iterdir()):
                    folder.rmdir()


def _current_sums(job: _Job) -> dict[str, bytes]:
    """Return the set's checksums, from the folder if the server's are no other ones."""
    local, url = job.folder / SUMS, job.url(SUMS)
    size, modified = job.server.head(url)
    if local.is_file() and (local.stat().st_size, local.stat().st_mtime) == (size, modified):
        return read_sums(local)
    part = job.scratch / f"{SUMS}.part"
    part.unlink(missing_ok=True)  # of an earlier run: nothing could prove the two halves to be one
    modified = job.server.download(url, part, largest=LARGEST_SUMS)
    try:
        sums = read_sums(part, url)
    except DatasetError:
        part.unlink()
        raise
    if modified is not None:
        os.utime(part, (modified, modified))
    os.replace(part, local)
    return sums


def _missing(job: _Job, wanted: dict[str, bytes]) -> tuple[dict[str, bytes], int]:
    """Return what is not there, and how many files had another content: these are removed."""
    there = [path for path in wanted if (job.folder / path).is_file()]
    right = set()
    with tqdm(total=len(there), desc="check", unit="file", disable=not there) as bar:

        def check(path: str) -> None:
            if sha256(job.folder / path) == wanted[path]:
                right.add(path)
            else:
                (job.folder / path).unlink()
            with bar.get_lock():
                bar.update()

        job.each(check, there)
    missing = {path: digest for path, digest in wanted.items() if path not in right}
    return missing, len(there) - len(right)


def _estimate(job: _Job, paths: Mapping[str, bytes]) -> tuple[int, int]:
    """Return about how many bytes files have, and take up; of each kind, a few are asked for."""
    kinds = defaultdict(list)
    for path in paths:
        kinds[path.split("/")[0] if "/" in path else "", Path(path).suffix].append(path)
    samples = [
        (kind, path)
        for kind, members in kinds.items()
        for path in members[:: -(-len(members) // SAMPLE)]
    ]
    sizes = defaultdict(list)

    def ask(sample: tuple) -> None:
        kind, path = sample
        size = job.server.head(job.url(path))[0] or 0
        sizes[kind].append((size, -(-size // BLOCK) * BLOCK))

    job.each(ask, samples)
    totals = [
        [len(members) * sum(column) / len(column) for column in zip(*sizes[kind], strict=True)]
        for kind, members in kinds.items()
    ]
    return tuple(round(sum(column)) for column in zip(*totals, strict=True))


@contextmanager
def _bar(title: str, total: int, initial: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a bar of bytes; yields what advances it, from any thread."""
    with tqdm(
        desc=title, total=total, initial=initial, unit="B", unit_scale=True, unit_divisor=1000
    ) as bar:

        def advance(count: int) -> None:
            with bar.get_lock():
                bar.total = max(bar.total, bar.n + count)  # it is an estimate
                bar.update(count)

        yield advance


def _from_zip(job: _Job, missing: Mapping[str, bytes], title: str) -> set[str]:
    whole, part = job.whole_zip, job.whole_zip.with_suffix(".zip.part")
    if not whole.exists():
        come = part.stat().st_size if part.exists() else 0
        total = job.server.head(job.zip)[0] or 0
        with _bar(f"fetch {title} as zip", total, come) as advance:
            job.server.download(job.zip, part, advance)
        os.replace(part, whole)
    with _bar(f"unpack {title}", total=0) as advance:
        try:
            done = set(archive.unpack(whole, job.folder, job.scratch / "files", missing, advance))
        except WrongFileError:
            whole.unlink()
            raise
    whole.unlink()
    return done


def _one_by_one(job: _Job, missing: Mapping[str, bytes], title: str, total: int) -> None:
    """Fetch files; those that the server lacks or holds otherwise are named at the end."""
    wrong: list[str] = []
    come = sum(part.stat().st_size for part in map(job.part, missing) if part.exists())
    with _bar(f"fetch {title}", total, come) as advance:

        def work(path: str) -> None:
            target, part = job.folder / path, job.part(path)
            try:
                bring(job.server, job.url(path), missing[path], part, target, advance)
            except WrongFileError as error:
                wrong.append(f"{error.source}: {error.found}")
                if len(wrong) == MOST_WRONG:
                    raise _of_wrong_files(job, wrong) from None

        job.each(work, list(missing))
    if wrong:
        raise _of_wrong_files(job, wrong)


def _of_wrong_files(job: _Job, wrong: Sequence[str]) -> DatasetError:
    named = "; ".join(wrong[:5])
    return DatasetError(
        job.folder,
        f"{len(wrong)} files that the server holds otherwise than {SUMS} says: {named}",
        "the published files; what came as published is in place",
        "Run the command again; if it stays so, name another server with --address.",
    )
