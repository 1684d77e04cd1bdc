"""Records of a data set, many at a time: from files to int16 microvolts.

What prepare does with each batch; a batch needs nothing of another one.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecglens import formats
from ecglens.errors import RecordError
from ecglens.formats.wfdb_plain import read_plain
from ecglens.record import Record, to_microvolts

RESAMPLING_MARGIN = 1.0  # s; the filter of Record.resampled reaches a tenth of it


class Batch(NamedTuple):
    """Records that were read, and those that could not be used.

    Parameters
    ----------
    counts : ndarray of int16, shape (records, samples, 12)
        Microvolts, leads in the order of the house, MISSING where a sample is missing.
    record_ids : list of int or str
        Of ``counts``.
    rejected : list of (record id, RecordError)
    """

    counts: np.ndarray
    record_ids: list[int | str]
    rejected: list[tuple[int | str, RecordError]]


def read_batch(
    source: Path,
    files: Sequence[tuple[int | str, str]],
    *,
    sampling_frequency: int,
    seconds: float,
    unreadable: str = "stop",
    other_rates: str = "refuse",
    other_lengths: str = "refuse",
) -> Batch:
    """Read records; parameters as for :func:`ecglens.preparation.prepare`.

    Raises
    ------
    RecordError
        If ``unreadable`` is "stop" and a record cannot be used; of several, the first.
    """
    samples = round(seconds * sampling_frequency)
    # A record without a name (a manifest may have none) is refused below, where it is read alone.
    names = [name if isinstance(name, str) else "" for _, name in files]
    paths = [os.path.join(source, name) for name in names]  # noqa: PTH118  ten times a Path's speed
    counts, were_read = read_plain(paths, sampling_frequency=sampling_frequency, samples=samples)
    rejected = []
    for place in np.flatnonzero(~were_read):
        record_id, name = files[place]
        try:
            record = formats.read(source / _named(record_id, name))
            if other_lengths == "cut":
                record = _cut(record, seconds, RESAMPLING_MARGIN)
            if other_rates == "resample":
                record = record.resampled(sampling_frequency)
            if other_lengths == "cut":
                record = _cut(record, seconds)
            _check_shape(record, sampling_frequency, samples)
            counts[place] = to_microvolts(record.signal, record.source)
            were_read[place] = True
        except RecordError as error:
            if unreadable == "stop":
                raise
            rejected.append((record_id, error))
    ids = [record_id for (record_id, _), usable in zip(files, were_read, strict=True) if usable]
    return Batch(counts if were_read.all() else counts[were_read], ids, rejected)


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
