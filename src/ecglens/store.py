"""The prepared arrays: all records of a data set as one memory-mapped file of int16 microvolts."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from tqdm import tqdm

from ecglens import formats
from ecglens.errors import DatasetError, RecordError
from ecglens.files import whole_folder
from ecglens.quality.policy import Policy, Rules
from ecglens.quality.preparation import judge
from ecglens.record import LEADS, Record, from_microvolts, to_microvolts

RESAMPLING_MARGIN = 1.0  # s; the filter of Record.resampled reaches a tenth of it
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
    abstained : ndarray of bool, shape (records,), optional
        Records that take part in no task, for their quality; none where left out.
    quality : dict of str to str
        The rules that :func:`prepare` was given.
    """

    folder: Path
    counts: np.ndarray
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
    quality: Rules = MappingProxyType({}),
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
    quality : mapping of str to Policy
        What becomes of a record that has flags; see :mod:`ecglens.quality.policy`. Its flags, their
        highest severity and the policy stand in ``records.csv`` in any case.

    Returns
    -------
    DataFrame
        The rejected records, and those dropped for their quality: ``record_id``, ``error``.

    Raises
    ------
    RecordError
        If ``unreadable`` is "stop" and a record cannot be used.
    DatasetError
        If no record can be used.
    """
    files = list(files)
    samples = round(seconds * sampling_frequency)
    rejected = []
    with whole_folder(folder) as part:
        with open(part / SIGNALS, "wb") as out:
            shape = (len(files), samples, len(LEADS))
            writer = _Writer(out, shape, sampling_frequency, quality, rejected)
            for record_id, name in tqdm(files, "prepare", unit="record"):
                try:
                    record = formats.read(source / _named(record_id, name))
                    if other_lengths == "cut":
                        record = _cut(record, seconds, RESAMPLING_MARGIN)
                    if other_rates == "resample":
                        record = record.resampled(sampling_frequency)
                    if other_lengths == "cut":
                        record = _cut(record, seconds)
                    _check_shape(record, sampling_frequency, samples)
                    writer.add(record_id, to_microvolts(record.signal, record.source))
                except RecordError as error:
                    if unreadable == "stop":
                        raise
                    rejected.append((record_id, str(error)))
            writer.finish()
            if not writer.rows:
                raise DatasetError(source, "no usable record", "at least one", _first(rejected))
        table = pd.DataFrame(writer.rows)
        table.to_csv(part / RECORDS, index=False)
        refused = pd.DataFrame(rejected, columns=["record_id", "error"])
        refused.to_csv(part / REJECTED, index=False)
        index = {
            "sampling_frequency": sampling_frequency,
            "units": "uV",
            "leads": LEADS,
            "sha256": writer.sha256.hexdigest(),
            "record_ids": "str" if isinstance(writer.rows[0]["record_id"], str) else "int64",
            "quality": dict(quality),
        }
        (part / INDEX).write_text(json.dumps(index, indent=1) + "\n")
    return refused


class _Writer:
    """Appends what quality lets through to an .npy file, some records at a time.

    Its header is written last, when their number is known.
    """

    _AT_A_TIME = 256  # records that are judged together

    def __init__(self, out, shape, rate: int, rules: Rules, rejected: list) -> None:
        self.out, self.shape, self.rate, self.rules = out, shape, rate, rules
        self.rows, self.rejected = [], rejected
        self.sha256, self._waiting = hashlib.sha256(), []
        self._header(shape)

    def _header(self, shape) -> None:
        # numpy pads the header's shape with room to grow, so a smaller count fits in its place.
        description = {"descr": "<i2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.out, description)
        self.start = self.out.tell()

    def add(self, record_id: int | str, counts: np.ndarray) -> None:
        self._waiting.append((record_id, counts))
        if len(self._waiting) == self._AT_A_TIME:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        ids, counts = zip(*self._waiting, strict=True)
        self._waiting = []
        judged = judge(np.stack(counts), self.rate, self.rules)
        for number, record_id in enumerate(ids):
            if judged.dropped[number]:
                self.rejected.append((record_id, judged.why_dropped(number)))
            else:
                self.rows.append({"record_id": record_id, **judged.row(number)})
        data = np.ascontiguousarray(judged.counts[~judged.dropped], "<i2").data
        self.out.write(data)
        self.sha256.update(data)

    def finish(self) -> None:
        self._flush()
        start = self.start
        self.out.seek(0)
        self._header((len(self.rows), *self.shape[1:]))
        assert self.start == start, "the .npy header changed its length"


def _named(record_id: int | str, name: object) -> str:
    """Return a record's path; a manifest has none where a record lacks this rate."""
    if not isinstance(name, str):
        raise RecordError(f"record {record_id}", "no file at this rate", "its path")
    return name


def _cut(record: Record, seconds: float, margin: float = 0.0) -> Record:
    """Return the record's first seconds, and a margin (s) more, or all of a shorter one."""
    signal = record.signal[: round((seconds + margin) * record.sampling_frequency)]
    return Record(signal, record.sampling_frequency, record.name, record.source)


def _check_shape(record: Record, sampling_frequency: int, samples: int) -> None:
    if record.sampling_frequency != sampling_frequency:
        raise RecordError(
            record.source,
            f"{record.sampling_frequency:g} Hz",
            f"{sampling_frequency} Hz (prepare.sampling_frequency)",
            "Or say prepare.other_rates=resample.",
        )
    if len(record.signal) != samples:
        raise RecordError(
            record.source,
            f"{len(record.signal)} samples",
            f"{samples} (prepare.seconds)",
            "Or say prepare.other_lengths=cut." if len(record.signal) > samples else "",
        )


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
        ids, abstained = _records(folder / RECORDS, index)
    except (ValueError, EOFError, AttributeError) as error:
        raise DatasetError(folder, f"what cannot be read ({error})", expected, mend) from None
    if len(ids) != len(counts) or tuple(index["leads"]) != LEADS or index["units"] != "uV":
        found = f"{len(counts)} signals, {len(ids)} ids, leads {index['leads']}, {index['units']}"
        raise DatasetError(folder, found, "one id a signal, the house's leads, uV", mend)
    rate, digest, quality = index["sampling_frequency"], index["sha256"], index.get("quality", {})
    return Store(folder, counts, ids, rate, digest, abstained, quality)


def _records(path: Path, index: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids as they were given, and which records are abstained from.

    "0017" stays a text, and "NA" a name.
    """
    kind = index.get("record_ids", "int64")
    table = pd.read_csv(path, dtype={"record_id": kind}, keep_default_na=False)
    abstained = table.get("policy", pd.Series("", table.index)) == Policy.ABSTAIN
    return table.record_id.to_numpy(object if kind == "str" else None), abstained.to_numpy()
