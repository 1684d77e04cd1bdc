"""The prepared arrays: all records of a data set as one memory-mapped file of int16 microvolts."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ecglens.errors import DatasetError
from ecglens.files import whole_folder
from ecglens.reading import flags_in_short, read_batch
from ecglens.record import LEADS, from_microvolts

_BATCH = 256  # records read, written and measured together: 6 MB at 100 Hz
SIGNALS, RECORDS, REJECTED, INDEX = "signals.npy", "records.csv", "rejected.csv", "index.json"


@dataclass(frozen=True)
class Store:
    """Prepared records, read without loading them.

    Parameters
    ----------
    folder : Path
    counts : ndarray of int16, shape (records, samples, 12)
        Microvolts, memory-mapped.
    record_ids : ndarray of int64 or of str, shape (records,)
    sampling_frequency : int
        Hz.
    sha256 : str
        Of the signals, so that a result can name its data without DVC.
    """

    folder: Path
    counts: np.ndarray
    record_ids: np.ndarray
    sampling_frequency: int
    sha256: str

    @property
    def samples(self) -> int:
        """Samples of each record."""
        return self.counts.shape[1]

    def millivolts(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 millivolts (rows, samples, 12), NaN where samples are missing."""
        return from_microvolts(self.counts[rows])


def prepare(
    source: Path,
    files: Iterable[tuple[int | str, str]],
    folder: Path,
    *,
    sampling_frequency: int,
    seconds: float,
    unreadable: str = "stop",
    other_rates: str = "refuse",
    other_lengths: str = "refuse",
) -> pd.DataFrame:
    """Read records and write the prepared arrays, whole or not at all.

    Parameters
    ----------
    source : Path
        The data set's folder.
    files : iterable of (record id, path in ``source``, of a WFDB record without extension)
    folder : Path
        Receives the arrays; replaced if it exists.
    sampling_frequency : int
        Hz.
    seconds : float
        Length of every record.
    unreadable : {"stop", "skip"}
        Whether a record that cannot be used ends the work, or is listed in ``rejected.csv``.
    other_rates : {"refuse", "resample"}
        What becomes of a record at another rate; the rate could give a class away.
    other_lengths : {"refuse", "cut"}
        What becomes of a longer record; cut, its first ``seconds`` are kept. A shorter one is
        refused.

    Returns
    -------
    DataFrame
        The rejected records: ``record_id``, ``error``.

    Raises
    ------
    RecordError
        If ``unreadable`` is "stop" and a record cannot be used.
    DatasetError
        If no record can be used.
    """
    files = list(files)
    samples = round(seconds * sampling_frequency)
    ids, flags, rejected = [], [], []
    with whole_folder(folder) as part:
        progress = tqdm(total=len(files), desc="prepare", unit="record")
        with open(part / SIGNALS, "wb") as out, progress:
            writer = _SignalWriter(out, (len(files), samples, len(LEADS)))
            for some in _batched(files):
                batch = read_batch(
                    source,
                    some,
                    sampling_frequency=sampling_frequency,
                    seconds=seconds,
                    unreadable=unreadable,
                    other_rates=other_rates,
                    other_lengths=other_lengths,
                )
                ids += batch.record_ids
                rejected += [(record_id, str(error)) for record_id, error in batch.rejected]
                writer.add(batch.counts)
                flags += flags_in_short(batch.counts, sampling_frequency)
                progress.update(len(some))
            if not ids:
                raise DatasetError(source, "no usable record", "at least one", _first(rejected))
            writer.finish()
        table = pd.DataFrame({"record_id": ids, "quality_flags": flags})
        table.to_csv(part / RECORDS, index=False)
        refused = pd.DataFrame(rejected, columns=["record_id", "error"])
        refused.to_csv(part / REJECTED, index=False)
        index = {
            "sampling_frequency": sampling_frequency,
            "units": "uV",
            "leads": LEADS,
            "sha256": writer.sha256.hexdigest(),
            "record_ids": "str" if isinstance(ids[0], str) else "int64",
        }
        (part / INDEX).write_text(json.dumps(index, indent=1) + "\n")
    return refused


class _SignalWriter:
    """Appends records to an .npy file whose header is written last, when their number is known."""

    def __init__(self, out, shape: tuple[int, int, int]) -> None:
        self.out, self.shape, self.records = out, shape, 0
        self.sha256 = hashlib.sha256()
        self._header(shape)

    def _header(self, shape) -> None:
        # numpy pads the header's shape with room to grow, so a smaller count fits in its place.
        description = {"descr": "<i2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.out, description)
        self.start = self.out.tell()

    def add(self, counts: np.ndarray) -> None:
        """Write (records, samples, 12)."""
        data = np.ascontiguousarray(counts, "<i2").data
        self.out.write(data)
        self.sha256.update(data)
        self.records += len(counts)

    def finish(self) -> None:
        start = self.start
        self.out.seek(0)
        self._header((self.records, *self.shape[1:]))
        assert self.start == start, "the .npy header changed its length"


def _batched(files: list) -> list[list]:
    return [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]


def _first(rejected: list[tuple[int, str]]) -> str:
    return f"The first was refused so: {rejected[0][1]}" if rejected else "The manifest is empty."


def open_store(folder: Path) -> Store:
    """Open prepared arrays.

    Raises
    ------
    DatasetError
        If the folder is not a whole prepared data set.
    """
    mend = "Run 'dvc repro prepare'."
    expected = f"{SIGNALS}, {RECORDS} and {INDEX}"
    missing = [n for n in (SIGNALS, RECORDS, INDEX) if not (folder / n).is_file()]
    if missing:
        raise DatasetError(folder, f"no {', '.join(missing)}", expected, mend)
    try:
        index = json.loads((folder / INDEX).read_text())
        counts = np.load(folder / SIGNALS, mmap_mode="r")
        ids = _record_ids(folder / RECORDS, index)
    except (ValueError, EOFError, AttributeError) as error:
        raise DatasetError(folder, f"what cannot be read ({error})", expected, mend) from None
    if len(ids) != len(counts) or tuple(index["leads"]) != LEADS or index["units"] != "uV":
        found = f"{len(counts)} signals, {len(ids)} ids, leads {index['leads']}, {index['units']}"
        raise DatasetError(folder, found, "one id a signal, the house's leads, uV", mend)
    return Store(folder, counts, ids, index["sampling_frequency"], index["sha256"])


def _record_ids(path: Path, index: dict) -> np.ndarray:
    """Return the ids as they were given: "0017" stays a text, and "NA" a name."""
    kind = index.get("record_ids", "int64")
    ids = pd.read_csv(path, dtype={"record_id": kind}, keep_default_na=False).record_id
    return ids.to_numpy(object if kind == "str" else None)
