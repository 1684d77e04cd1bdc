"""Calls of one function on Dask's workers: of this machine, or of a cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from ecglens.errors import ClusterError, ParameterError

CONNECT = 15.0  # s to reach a scheduler
PATIENCE = 60.0  # s without any worker, after which the work ends


@dataclass(frozen=True)
class Workers:
    """Who works.

    Parameters
    ----------
    count : int
        Workers on this machine; 0 is one for each core, and one is the calling process, without
        Dask. There are never more than calls.
    kind : {"processes", "threads"}
        What they are. Reading records holds Python's lock for much of the time, so that threads
        help less; they start at once.
    scheduler : str
        Address of a Dask scheduler, such as "tcp://10.0.0.5:8786": its workers are used, and
        ``count`` and ``kind`` mean nothing. They must see the same files under the same paths.

    Raises
    ------
    ParameterError
        If a value means nothing.
    """

    count: int = 0
    kind: str = "processes"
    scheduler: str = ""

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ParameterError("workers", str(self.count), "a number, or 0 for one a core")
        if self.kind not in ("processes", "threads"):
            raise ParameterError("workers", repr(self.kind), "processes or threads")


def answers(
    function: Callable, calls: dict[str, tuple], workers: Workers
) -> Iterator[tuple[str, object]]:
    """Call a function of a module with each of the arguments; yield name and answer as they come.

    A call whose worker dies is made again on another, and so is one whose answer dies with it.

    Raises
    ------
    ClusterError
        If Dask is not installed, the scheduler does not answer, or no worker lives.
    Exception
        Whatever the function raises.
    """
    if not workers.scheduler and (workers.count == 1 or len(calls) < 2):
        for name, call in calls.items():
            yield name, function(*call)
        return
    require("distributed", "One worker does without.")
    with _client(workers, len(calls)) as client:
        yield from _gathered(client, function, calls, workers.scheduler or "workers")


def require(package: str, mend: str = "") -> None:
    """Refuse to begin where a package of the extra ``pipeline`` is missing.

    Raises
    ------
    ClusterError
        Naming the extra.
    """
    try:
        __import__(package)
    except ImportError as error:
        raise ClusterError(
            "work on many records",
            f"no package {error.name}",
            "the packages that it needs",
            f"Install them: pip install 'ecglens[pipeline]'. {mend}".rstrip(),
        ) from None


@contextmanager
def _client(workers: Workers, calls: int):
    """Give a client of the scheduler, or of a cluster made for this work, on loopback alone."""
    import distributed
    from dask.system import CPU_COUNT

    if workers.scheduler:
        try:
            client = distributed.Client(workers.scheduler, timeout=CONNECT)
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
    count = min(workers.count or CPU_COUNT, calls)
    processes = workers.kind == "processes"
    with (
        distributed.LocalCluster(
            n_workers=count if processes else 1,
            threads_per_worker=1 if processes else count,
            processes=processes,
            host="127.0.0.1" if processes else None,  # threads need no address
            # No dashboard; but Dask serves its health over HTTP always: on loopback, any port.
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=None,  # a shard is small; spilling to disk or pausing would only hide that
            silence_logs="CRITICAL",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def _gathered(client, function: Callable, calls: dict[str, tuple], where: str) -> Iterator:
    """Yield answers as they come, with no more calls in flight than keep the workers busy."""
    import distributed

    waiting, running = iter(calls.items()), {}
    while True:
        with _connected(where):
            wanted = max(1, 2 * sum(client.nthreads().values()))  # workers may come and go
            for name, call in islice(waiting, max(0, wanted - len(running))):
                running[client.submit(function, *call, pure=False)] = name
            if not running:
                return
            done, _ = _patiently(
                client,
                where,
                lambda patience: distributed.wait(
                    list(running), timeout=patience, return_when="FIRST_COMPLETED"
                ),
            )
        for future in done:
            yield running.pop(future), _answer(client, where, future)


def _answer(client, where: str, future):
    """Return a finished call's answer; or raise what it raised."""
    if future.status != "error":
        with _connected(where):
            # Waits, where the answer died with its worker and the call is being made again.
            return _patiently(client, where, lambda patience: future.result(timeout=patience))
    error = future.exception()
    if type(error).__name__ != "KilledWorker":
        raise error
    raise ClusterError(
        where,
        f"a shard that {error.allowed_failures + 1} workers died of",
        "workers that live",
        "Was there memory enough? Fewer workers need less. What is finished is kept.",
    )


@contextmanager
def _connected(where: str):
    """Turn the loss of the scheduler into an error that says what to do."""
    from distributed import CancelledError

    try:
        yield
    except (CancelledError, OSError) as error:  # Dask's errors of connection are OSErrors
        raise ClusterError(
            where,
            f"no connection any more ({type(error).__name__})",
            "a Dask scheduler that answers",
            "Run this again when it does: what is finished is kept.",
        ) from error


def _patiently(client, where: str, ask: Callable[[float], object]):
    """Return what ``ask`` gives, however long it takes, as long as there are workers."""
    while True:
        try:
            return ask(PATIENCE)
        except TimeoutError:
            if not client.nthreads():
                raise ClusterError(
                    where,
                    f"no worker for {PATIENCE:g} s",
                    "at least one",
                    "Start one: dask worker ADDRESS. Then run this again: what is finished is "
                    "kept.",
                ) from None
