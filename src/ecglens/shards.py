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
from itertools import islice
from pathlib import Path

from ecglens.errors import ClusterError
from ecglens.files import only_user, whole_file

PATIENCE = 60.0  # s without any worker, after which the work ends; what is finished is kept
# Packages whose version may change a number. The code of this package counts itself.
_PACKAGES = ("numpy", "wfdb", "ecgdatakit", "pydicom", "onnxruntime")


@dataclass(frozen=True)
class Workers:
    """Where shards are worked.

    Parameters
    ----------
    count : int
        Workers on this machine; 0 is one for each core, and one is the calling process, without
        Dask. There are never more than shards.
    kind : {"processes", "threads"}
        What they are. Reading records holds Python's lock for much of the time, so that threads
        help less; they start at once.
    scheduler : str
        Address of a Dask scheduler, such as "tcp://10.0.0.5:8786": its workers are used, and
        ``count`` and ``kind`` mean nothing. They must see the same files under the same paths.
    """

    count: int = 0
    kind: str = "processes"
    scheduler: str = ""


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
        closing(_answers(calls, workers)) as answers,
    ):
        for name, (content, result) in answers:
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


# -- on Dask


def _answers(calls: dict[str, tuple], workers: Workers) -> Iterator[tuple[str, tuple]]:
    """Yield each shard's name and answer, as they come."""
    if not workers.scheduler and (workers.count == 1 or len(calls) < 2):
        for name, call in calls.items():
            yield name, _answer(*call)
        return
    distributed = _require_dask()
    where = workers.scheduler or "the workers on this machine"
    try:
        with _client(workers, len(calls)) as client:
            yield from _gathered(client, calls)
    except distributed.KilledWorker as error:
        raise ClusterError(
            where,
            f"a shard that {error.allowed_failures + 1} workers died of",
            "workers that live",
            "Was there memory enough? Fewer workers need less. What is finished is kept.",
        ) from None
    except (distributed.CancelledError, distributed.comm.CommClosedError) as error:
        raise ClusterError(
            where,
            f"no connection any more ({type(error).__name__})",
            "a Dask scheduler that answers",
            "Run this again when it does: what is finished is kept.",
        ) from None


def _require_dask():
    """Return Dask's package for processes and clusters."""
    try:
        import distributed
    except ImportError as error:
        raise ClusterError(
            "workers",
            f"no package {error.name}",
            "Dask, for more than one worker",
            "Install it: pip install 'ecglens[pipeline]'. One worker does without.",
        ) from None
    return distributed


@contextmanager
def _client(workers: Workers, shards: int):
    """Give a client of the scheduler, or of a cluster made for this work, on loopback alone."""
    import distributed
    from dask.system import CPU_COUNT

    if workers.scheduler:
        try:
            client = distributed.Client(workers.scheduler, timeout=15)
        except (OSError, ValueError) as error:
            raise ClusterError(
                workers.scheduler,
                f"no answer ({type(error).__name__})",
                "the address of a Dask scheduler, such as tcp://127.0.0.1:8786",
                "Start one with 'dask scheduler', and 'dask worker ADDRESS'.",
            ) from None
        with client:
            yield client
        return
    count = min(workers.count or CPU_COUNT, shards)
    processes = workers.kind == "processes"
    with (
        distributed.LocalCluster(
            n_workers=count if processes else 1,
            threads_per_worker=1 if processes else count,
            processes=processes,
            host="127.0.0.1" if processes else None,  # threads need no address
            dashboard_address=None,
            memory_limit=None,  # a shard is small; spilling to disk or pausing would only hide that
            silence_logs="CRITICAL",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def _gathered(client, calls: dict[str, tuple]) -> Iterator[tuple[str, tuple]]:
    """Yield answers as they come, with no more shards in flight than keep the workers busy."""
    import distributed

    waiting, running = iter(calls.items()), {}
    while True:
        wanted = max(1, 2 * sum(client.nthreads().values()))  # of workers that may come and go
        for name, call in islice(waiting, max(0, wanted - len(running))):
            running[client.submit(_answer, *call, pure=False)] = name
        if not running:
            return
        done = _patiently(
            client,
            lambda patience: distributed.wait(
                list(running), timeout=patience, return_when="FIRST_COMPLETED"
            ),
        ).done
        for future in done:
            yield running.pop(future), _result(client, future)


def _result(client, future):
    """Return a finished future's result, which is worked again where it died with its worker."""
    if future.status == "error":
        return future.result()  # raises what the worker raised
    return _patiently(client, lambda patience: future.result(timeout=patience))


def _patiently(client, ask: Callable[[float], object]):
    """Return what ``ask`` gives, however long it takes, as long as there are workers."""
    while True:
        try:
            return ask(PATIENCE)
        except TimeoutError:
            if not client.nthreads():
                raise ClusterError(
                    client.scheduler.address,
                    f"no worker for {PATIENCE:g} s",
                    "at least one",
                    "Start one: dask worker ADDRESS. Then run this again: what is finished is "
                    "kept.",
                ) from None
