"""Long work cut into shards, on Dask, that a crash interrupts but does not undo.

Each shard's result is kept in a work folder as soon as it is there, under a name that says what it
is of: the items, the parameters and the code; and what the source files held. A later run takes
what still fits, and works the rest. Results come back to the one process that asked and only it
writes, so workers that die or answer twice can neither lose nor double anything.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from ecglens.cluster import Workers, answers, require
from ecglens.errors import ClusterError
from ecglens.files import only_user, whole_file

# Packages whose version may change a number. The code of this package counts itself.
_PACKAGES = ("numpy", "wfdb", "ecgdatakit", "pydicom", "onnxruntime")


@dataclass(frozen=True)
class Work:
    """What is done with each shard.

    Parameters
    ----------
    function : callable
        ``function(items, parameters)`` gives the shard's result, bytes; of a module, so that a
        worker can import it, and of its arguments and the files alone.
    content : callable
        ``content(items, parameters)`` gives a digest (hex) of the files that it reads.
    parameters : dict
        Plain values.
    about : str
        A verb for the progress bar.
    """

    function: Callable[[list, dict], bytes]
    content: Callable[[list, dict], str]
    parameters: dict
    about: str


@contextmanager
def finished_shards(
    work: Work, items: Sequence, size: int, folder: Path, workers: Workers
) -> Iterator[list[Path]]:
    """Work all items in shards, and give the results, one file a shard, in order.

    Parameters
    ----------
    work : Work
    items : sequence
        Of plain values; what a shard is cut from.
    size : int
        Items a shard.
    folder : Path
        Where results are kept; removed once the caller is through with them. After an error it
        stays, if a shard is finished.
    workers : Workers

    Raises
    ------
    ClusterError
        If Dask, a worker, or the same code on a worker is missing.
    ECGLensError
        If another process works in the folder; or whatever the function raises.
    """
    shards = [list(items[start : start + size]) for start in range(0, len(items), size)]
    with only_user(folder):
        try:
            yield _finish(work, shards, folder, workers)
        except BaseException:
            if not _results_in(folder):
                shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)


def _finish(work: Work, shards: list[list], folder: Path, workers: Workers) -> list[Path]:
    """Work what is not finished; return each shard's file."""
    require("tqdm")
    from tqdm import tqdm

    code = code_version()
    names = [_name(work, shard, code) for shard in shards]
    for half in folder.glob(".part-*"):  # by a run that was killed
        half.unlink()
    known = _results_in(folder)
    for name in known.keys() - set(names):  # of other items, parameters or code
        known.pop(name).unlink()
    calls = {
        name: (work.function, work.content, shard, work.parameters, code, _content_of(known, name))
        for name, shard in zip(names, shards, strict=True)
    }
    sizes = dict(zip(names, map(len, shards), strict=True))
    with (
        tqdm(total=sum(sizes.values()), desc=work.about, unit="record") as bar,
        closing(answers(_answer, calls, workers)) as finished,
    ):
        for name, (content, result) in finished:
            if result is not None:
                if name in known:  # of files that have changed since
                    known[name].unlink()
                known[name] = folder / f"{name}.{content}"
                with whole_file(known[name], durable=True) as part:
                    part.write_bytes(result)
            bar.update(sizes[name])
    return [known[name] for name in names]


def _name(work: Work, shard: list, code: str) -> str:
    function = f"{work.function.__module__}.{work.function.__qualname__}"
    asked = json.dumps([function, code, work.parameters, shard], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def _results_in(folder: Path) -> dict[str, Path]:
    """Return the finished shards by name; a file's ending is the digest of what it was made of."""
    return {path.stem: path for path in folder.glob("[!.]*")}


def _content_of(known: dict[str, Path], name: str) -> str | None:
    return known[name].suffix[1:] if name in known else None


def _answer(function, content, shard, parameters, code, known) -> tuple[str, bytes | None]:
    """Return the digest of a shard's files and its result, None where that is known; on a worker.

    The digest is taken first: a file that changes meanwhile makes the result stale, not trusted.
    """
    if code_version() != code:
        raise ClusterError(
            f"worker {os.uname().nodename}, process {os.getpid()}",
            f"ECGLens and packages of version {code_version()}",
            f"{code}, as where the work was started",
            "Install the same versions, and restart the worker.",
        )
    found = content(shard, parameters)
    return found, None if found == known else function(shard, parameters)


@cache
def code_version() -> str:
    """Return a digest of this package's code and of the packages that can change a number."""
    import ecglens

    root = Path(ecglens.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    for package in _PACKAGES:
        try:
            digest.update(f"{package}={metadata.version(package)}\0".encode())
        except metadata.PackageNotFoundError:
            digest.update(f"{package} is not there\0".encode())
    return digest.hexdigest()[:16]
