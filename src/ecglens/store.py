"""The prepared arrays: all records of a data set as one file of int16 microvolts.

A plain .npy: memory-mapped where it is a local file, and read by ranges of bytes where it lies on
object storage. :mod:`ecglens.preparation` makes it.
"""

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.errors import DatasetError, ParameterError
from ecglens.files import whole_folder
from ecglens.quality.policy import Policy
from ecglens.record import LEADS, from_microvolts
from ecglens.remote import Place, RemoteArray, is_address

BLOCK = 256  # records, of which a checksum is made at a time
SIGNALS, RECORDS, REJECTED, INDEX = "signals.npy", "records.csv", "rejected.csv", "index.json"


@dataclass(frozen=True)
class Store:
    """Prepared records, read without loading them.

    Parameters
    ----------
    folder : Path or str
        Or its address on object storage.
    counts : ndarray or RemoteArray of int16, shape (records, samples, 12)
        Microvolts: memory-mapped, or fetched as rows are asked for.
    record_ids : ndarray of int64 or of str, shape (records,)
    sampling_frequency : int
        Hz.
    sha256 : str
        Of the signals, so that a result can name its data without DVC.
    abstained : ndarray of bool, shape (records,), optional
        Records that take part in no task, for their quality; none where left out.
    quality : dict of str to str
        The rules of quality that they were prepared with.
    """

    folder: Path | str
    counts: np.ndarray | RemoteArray
    record_ids: np.ndarray
    sampling_frequency: int
    sha256: str
    abstained: np.ndarray | None = None
    quality: dict[str, str] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Samples of each record."""
        return self.counts.shape[1]

    def millivolts(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 millivolts (rows, samples, 12), NaN where samples are missing."""
        return from_microvolts(self.counts[rows])


def open_store(folder: Path | str) -> Store:
    """Open prepared arrays, of which nothing is read yet.

    Parameters
    ----------
    folder : Path or str
        Or an address on object storage, such as "s3://bucket/ptb-xl".

    Raises
    ------
    DatasetError
        If it is not a whole prepared data set, or the storage does not answer.
    """
    remote = is_address(folder)
    place = Place.at(folder) if remote else None
    folder = folder if remote else Path(folder)
    mend = "Copy it there with 'ecglens copy-store'." if remote else "Run 'dvc repro prepare'."
    expected = f"{SIGNALS}, {RECORDS} and {INDEX}"
    has = place.has if remote else lambda name: (folder / name).is_file()
    missing = [name for name in (SIGNALS, RECORDS, INDEX) if not has(name)]
    if missing:
        raise DatasetError(folder, f"no {', '.join(missing)}", expected, mend)
    read = place.read if remote else lambda name: (folder / name).read_bytes()
    try:
        index = json.loads(read(INDEX))
        counts = place.array(SIGNALS) if remote else np.load(folder / SIGNALS, mmap_mode="r")
        ids, abstained = _records(io.BytesIO(read(RECORDS)), index)
    except (ValueError, EOFError, AttributeError) as error:
        raise DatasetError(folder, f"what cannot be read ({error})", expected, mend) from None
    if len(ids) != len(counts) or tuple(index["leads"]) != LEADS or index["units"] != "uV":
        found = f"{len(counts)} signals, {len(ids)} ids, leads {index['leads']}, {index['units']}"
        raise DatasetError(folder, found, "one id a signal, the house's leads, uV", mend)
    rate, digest, quality = index["sampling_frequency"], index["sha256"], index.get("quality", {})
    return Store(folder, counts, ids, rate, digest, abstained, quality)


def copy_store(source: Path | str, target: Path | str) -> None:
    """Copy prepared arrays to object storage, or from there; checked, whole or not at all.

    Parameters
    ----------
    source, target : Path or str
        One is a folder, the other an address on object storage. There the index comes last, and
        without it nothing is taken for a store.

    Raises
    ------
    ParameterError
        If both are folders, or both addresses.
    DatasetError
        If the source is not whole, its signals are not those that its index names, or the storage
        does not answer.
    """
    if is_address(source) == is_address(target):
        found = f"{source} and {target}"
        raise ParameterError("copy-store", found, "a folder and an address, such as s3://bucket/a")
    store = open_store(source)
    names = (SIGNALS, RECORDS, REJECTED, INDEX)
    if is_address(target):
        _check_sha256(Path(source), store.sha256)
        place = Place.at(target)
        place.remove(INDEX)
        for name in names:
            place.put(Path(source) / name, name)
        return
    with whole_folder(Path(target)) as part:
        for name in names:
            Place.at(source).get(name, part / name)
        _check_sha256(part, store.sha256)


def _check_sha256(folder: Path, expected: str) -> None:
    """Refuse signals that are not those that the index was written with."""
    digest, counts = hashlib.sha256(), np.load(folder / SIGNALS, mmap_mode="r")
    for start in range(0, len(counts), BLOCK):
        digest.update(np.ascontiguousarray(counts[start : start + BLOCK]).data)
    if digest.hexdigest() != expected:
        raise DatasetError(
            folder / SIGNALS,
            f"signals with the SHA-256 {digest.hexdigest()}",
            f"{expected}, as {INDEX} says",
            "They are damaged: prepare or copy them again.",
        )


def _records(file: io.BytesIO, index: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids as they were given, and which records are abstained from.

    "0017" stays a text, and "NA" a name.
    """
    kind = index.get("record_ids", "int64")
    table = pd.read_csv(file, dtype={"record_id": kind}, keep_default_na=False)
    abstained = table.get("policy", pd.Series("", table.index)) == Policy.ABSTAIN
    return table.record_id.to_numpy(object if kind == "str" else None), abstained.to_numpy()
