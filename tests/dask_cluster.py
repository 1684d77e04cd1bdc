"""A real Dask cluster on loopback: a scheduler and workers, each a process that can be killed."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import distributed

LAUNCH = [sys.executable, "-m", "dask"]  # which has the same environment, whatever PATH says


class Cluster:
    """A scheduler, and workers of one thread without a nanny, so that what is killed stays dead."""

    def __init__(self, folder):
        self.folder, self.workers = folder, []
        file = folder / "scheduler.json"
        arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
        self.scheduler = self._start("scheduler", *arguments, "--scheduler-file", file)
        deadline = time.monotonic() + 60
        while not file.exists() or not file.stat().st_size:
            assert self.scheduler.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]

    def _start(self, what, *arguments):
        with open(self.folder / "log.txt", "ab") as log:
            return subprocess.Popen(
                [*LAUNCH, what, *map(str, arguments)], cwd=self.folder, stdout=log, stderr=log
            )

    def add_worker(self):
        arguments = [self.address, "--nthreads", 1, "--no-nanny", "--no-dashboard"]
        self.workers.append(self._start("worker", *arguments, "--host", "127.0.0.1"))
        return self.workers[-1]

    def log(self):
        return (self.folder / "log.txt").read_text(errors="replace")

    def end(self):
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


@contextmanager
def dask_cluster(folder, workers=2):
    """Give a cluster, ended with all its processes."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder)
    try:
        for _ in range(workers):
            cluster.add_worker()
        with distributed.Client(cluster.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=120)
        yield cluster
    finally:
        cluster.end()
