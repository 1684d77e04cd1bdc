"""WFDB records to prepared arrays, against a loop over wfdb.rdrecord, on the same records.

    python benchmarks/wfdb_reading.py PTB-XL-FOLDER [records100|records500 [RECORDS [ROUNDS]]]

Ours reads RECORDS (2,048) records as prepare does, checks every checksum, and writes int16
microvolts with their SHA-256; once like that, once with the quality flags of each record, too. The
other is wfdb.rdrecord on a part of the records, drawn anew each round, which computes millivolts
and checks no checksum. Processor time of one core, so that what else the machine does counts
little. Prints medians of the rounds with their range, and that the two have read the same.
"""

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")  # before numpy: one core

import hashlib
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import wfdb

from ecglens.quality.preparation import judge
from ecglens.reading import read_batch
from ecglens.record import from_microvolts

PART, BATCH = 100, 256


def main() -> None:
    source, kind = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "records100"
    records = int(sys.argv[3]) if len(sys.argv) > 3 else 2048
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 7
    rate = int(kind.removeprefix("records"))
    headers = sorted((source / kind).glob("*/*.hea"))[:records]
    files = [(k, str(h.relative_to(source).with_suffix(""))) for k, h in enumerate(headers)]
    print(f"{len(files)} records of {rate} Hz, {rounds} rounds, after one that is not counted")
    seconds = {"read, write": [], "read, flags, write": [], "wfdb.rdrecord": []}
    for number in range(rounds + 1):
        part = random.Random(number).sample(files, min(PART, len(files)))
        for name, call, given in (
            ("read, write", lambda f: prepare(source, f, rate, flags=False), files),
            ("read, flags, write", lambda f: prepare(source, f, rate, flags=True), files),
            ("wfdb.rdrecord", lambda f: by_package(source, f), part),
        ):
            start = time.process_time()
            call(given)
            if number:
                seconds[name].append((time.process_time() - start) / len(given))
    report(seconds)
    counts = read_batch(source, part, sampling_frequency=rate, seconds=10.0).counts
    same = np.array_equal(from_microvolts(counts), by_package(source, part).astype(np.float32))
    print(f"the same millivolts in {len(part)} records: {same}")


def prepare(source: Path, files: list, rate: int, *, flags: bool) -> None:
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as out:
        for start in range(0, len(files), BATCH):
            some = files[start : start + BATCH]
            counts = read_batch(source, some, sampling_frequency=rate, seconds=10.0).counts
            out.write(counts.data)
            digest.update(counts.data)
            if flags:
                judge(counts, rate, {})


def by_package(source: Path, files: list) -> np.ndarray:
    return np.stack([wfdb.rdrecord(str(source / name)).p_signal for _, name in files])


def report(seconds: dict[str, list[float]]) -> None:
    for name, values in seconds.items():
        low, middle, high = np.percentile(np.array(values) * 1e6, [0, 50, 100])
        print(f"{name:<20}{middle:9.0f} µs a record   ({low:.0f} to {high:.0f})")
    package = np.array(seconds["wfdb.rdrecord"])
    for name in list(seconds)[:2]:
        ratio = package / seconds[name]
        spread = f"({ratio.min():.1f} to {ratio.max():.1f})"
        print(f"{np.median(ratio):6.1f} x   {spread:<18}wfdb.rdrecord / {name}")


main()
