"""Prepare, crash, read and predict at size: memory, what is done twice, speed, and the same bytes.

    python benchmarks/size.py PTB-XL-FOLDER memory [RECORDS]
    python benchmarks/size.py PTB-XL-FOLDER resume [RECORDS]
    python benchmarks/size.py PTB-XL-FOLDER read
    python benchmarks/size.py PTB-XL-FOLDER cluster [RECORDS]
    python benchmarks/size.py PTB-XL-FOLDER predict MODEL.onnx [RECORDS]

The folder is PTB-XL as published. More records than it has come from links to its folder, each with
ids and paths of its own. What is written goes to a temporary folder (TMPDIR), and is removed: 5 GB
for 100,000 records.

memory    peak of the memory (RSS) of the process and all its workers, for 100,000 records
resume    a run that is killed (SIGKILL) three times against one that is not: shards worked, bytes
read      the prepared array through the page cache, and from the disk: GB/s, beside a plain read
cluster   a Dask scheduler and two workers, one killed halfway, against this process alone: bytes
predict   batch prediction of RECORDS into a table: peak memory, records per second
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

RATE, SECONDS = 100, 10.0


def main() -> None:
    source, what = Path(sys.argv[1]).absolute(), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        CHOICES[what](source, Path(folder), *sys.argv[3:])


# -- what is measured


def memory(source: Path, folder: Path, records: str = "100000") -> None:
    with peak() as seen:
        start = time.perf_counter()
        child("prepare", links(source, folder), folder / "signals", records, "0", "")
        seconds = time.perf_counter() - start
    counts = np.load(folder / "signals" / "signals.npy", mmap_mode="r")
    print(
        f"{len(counts)} records, {counts.nbytes / 1e9:.2f} GB: peak memory of all processes "
        f"{max(seen) / 1e9:.2f} GB in {len(seen)} samples; {seconds:.0f} s"
    )


def resume(source: Path, folder: Path, records: str = "8000") -> None:
    raw, kept = links(source, folder), folder / "killed.work"
    shards, before = -(-int(records) // 256), {}
    for least in (shards // 5, shards // 2, shards - 2):
        process = start_child("prepare", raw, folder / "killed", records, "0", "")
        while len(list(kept.glob("[!.]*"))) < least and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        states = {p.name: p.stat().st_mtime_ns for p in kept.glob("[!.]*")}
        print(f"killed with {len(states)} of {shards} shards finished")
        if before:
            again = {name for name, at in before.items() if states.get(name) != at}
            print(f"  of the {len(before)} finished before, worked again: {len(again)}")
        before = states
    child("prepare", raw, folder / "killed", records, "0", "")
    child("prepare", raw, folder / "whole", records, "1", "")
    compare(folder / "killed", folder / "whole")


def cluster(source: Path, folder: Path, records: str = "8000") -> None:
    raw, kept = links(source, folder), folder / "cluster.work"
    with dask(folder) as (address, workers):
        process = start_child("prepare", raw, folder / "cluster", records, "0", address)
        while len(list(kept.glob("[!.]*"))) < int(records) // 512 and process.poll() is None:
            time.sleep(0.01)
        workers[0].kill()
        print(f"one of two workers killed at {len(list(kept.glob('[!.]*')))} shards")
        if process.wait():
            sys.exit("the work did not complete")
    child("prepare", raw, folder / "alone", records, "1", "")
    compare(folder / "cluster", folder / "alone")


def read(source: Path, folder: Path, records: str = "21799") -> None:
    from ecglens.store import open_store

    child("prepare", links(source, folder), folder / "signals", records, "0", "")
    path = folder / "signals" / "signals.npy"
    rows = np.random.default_rng(1).permutation(int(records))
    batches = np.array_split(rows, len(rows) // 64)
    blocks = [slice(k, k + 256) for k in range(0, len(rows), 256)]
    buffer = np.empty((256, round(RATE * SECONDS), 12), np.int16)

    def plain() -> None:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer.data.cast("B")):
                pass

    # Opened each time: pages that are mapped cannot be dropped.
    def in_order() -> None:
        counts = open_store(folder / "signals").counts
        for block in blocks:
            part = counts[block]
            np.copyto(buffer[: len(part)], part)

    def shuffled() -> None:
        counts = open_store(folder / "signals").counts
        for batch in batches:
            counts[batch]

    def millivolts() -> None:
        store = open_store(folder / "signals")
        for block in blocks:
            store.millivolts(block)

    size = path.stat().st_size
    print(f"{len(rows)} records, {size / 1e9:.2f} GB of int16; median of 7 (lowest-highest)")
    print(f"{'':<45}{'GB/s':<21}GB per second of processor time, which other work does not lower")
    for name, once in (
        ("file read, page cache", plain),
        ("in order, page cache", in_order),
        ("shuffled in batches of 64, page cache", shuffled),
        ("in order, as float32 millivolts, page cache", millivolts),
        ("file read, from the disk", plain),
        ("in order, from the disk", in_order),
        ("shuffled in batches of 64, from the disk", shuffled),
    ):
        took = [seconds(once, path if "disk" in name else None) for _ in range(7)]
        wall, cpu = size / np.array(took).T / 1e9
        print(f"{name:<45}{shown(wall)}   {shown(cpu)}", flush=True)


def predict(source: Path, folder: Path, model: str, records: str = "5000") -> None:
    raw = links(source, folder)
    lines = [f"{record_id},{name}" for record_id, name in files_of(raw, int(records))]
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(["record_id,file", *lines]) + "\n")
    command = [sys.executable, "-m", "ecglens.cli", "predict", "--model", model]
    command += ["--manifest", str(manifest), "--folder", str(raw)]
    with peak() as seen:
        start = time.perf_counter()
        code = subprocess.call([*command, "--table", str(folder / "all.csv")])
        seconds = time.perf_counter() - start
    print(
        f"{records} records, exit code {code}: peak memory of all processes "
        f"{max(seen) / 1e9:.2f} GB; {int(records) / seconds:.0f} records/s"
    )


# -- how


def links(source: Path, folder: Path) -> Path:
    """Return a folder of links to the data set, each a copy of it as far as a reader can tell."""
    raw = folder / "raw"
    raw.mkdir()
    for copy in range(9):
        (raw / str(copy)).symlink_to(source)
    return raw


def files_of(raw: Path, records: int) -> list[tuple[int, str]]:
    headers = sorted((raw / "0" / "records100").rglob("*.hea"))
    names = [str(header.relative_to(raw / "0").with_suffix("")) for header in headers]
    return [(k, f"{k // len(names)}/{names[k % len(names)]}") for k in range(records)]


def prepare_once(raw: str, folder: str, records: str, workers: str, scheduler: str) -> None:
    from ecglens.cluster import Workers
    from ecglens.preparation import prepare

    files = files_of(Path(raw), int(records))
    where = Workers(int(workers), scheduler=scheduler)
    options = {"sampling_frequency": RATE, "seconds": SECONDS, "unreadable": "skip"}
    prepare(Path(raw), files, Path(folder), workers=where, **options)


def start_child(what: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, __file__, "--child", what, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def child(what: str, *arguments: object) -> None:
    if start_child(what, *arguments).wait():
        sys.exit(f"{what} failed")


@contextmanager
def peak():
    """Give a list that grows by the memory of this process' descendants, ten times a second."""
    seen, stop = [], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            seen.append(total)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@contextmanager
def dask(folder: Path):
    """Give the address of a scheduler on loopback, and its two workers' processes."""
    import distributed

    run = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        started = [[*run, "scheduler", *arguments, "--scheduler-file", file.name]]
        worker = [*run, "worker", "--scheduler-file", file.name, "--nthreads", "1", "--no-nanny"]
        processes = [subprocess.Popen(started[0], **quiet)]
        try:
            while not Path(file.name).stat().st_size:
                time.sleep(0.1)
            processes += [
                subprocess.Popen([*worker, "--host", "127.0.0.1"], **quiet) for _ in range(2)
            ]
            with distributed.Client(scheduler_file=file.name) as client:
                client.wait_for_workers(2, timeout=120)
                address = client.scheduler.address
            yield address, processes[1:]
        finally:
            for process in processes:
                process.kill()
                process.wait()


def compare(one: Path, other: Path) -> None:
    for path in sorted(one.iterdir()):
        same = path.read_bytes() == (other / path.name).read_bytes()
        print(f"{path.name:<14}{path.stat().st_size:>12} bytes, {'the same' if same else 'OTHER'}")


def seconds(once, path: Path | None) -> tuple[float, float]:
    """Return seconds by the clock and of processor; without the file's pages, if it is named."""
    if path:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    start, used = time.perf_counter(), time.process_time()
    once()
    return time.perf_counter() - start, time.process_time() - used


def shown(speeds: np.ndarray) -> str:
    return f"{np.median(speeds):5.2f} ({speeds.min():.2f}-{speeds.max():.2f})"


CHOICES = {"memory": memory, "resume": resume, "read": read, "cluster": cluster, "predict": predict}

if __name__ == "__main__":
    if sys.argv[1] == "--child":
        prepare_once(*sys.argv[3:])
    else:
        main()
