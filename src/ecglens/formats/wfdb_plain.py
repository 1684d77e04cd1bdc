"""Many plain WFDB records at once, as prepare needs them: int16 microvolts of one rate and length.

Plain is format 16 in one file, with a whole number of microvolts a count: PTB-XL, MIMIC-IV-ECG and
most sets of the CinC challenges. Every check of :func:`ecglens.formats.read` is made here too, but
nothing is said of what fails one: such a record is left to be read alone, which says why.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecglens.errors import RecordError
from ecglens.formats.wfdb import checksums
from ecglens.formats.wfdb_header import Header, Layout, parse
from ecglens.record import LEADS, MISSING

_ENDINGS = (".hea", ".dat", ".mat")
_LONGEST_HEADER = 1 << 14  # bytes; a longer one is read alone
_LARGEST = 32767  # microvolts
# Without waiting, should a pipe stand in a file's place; as bytes, on Windows.
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_plain(
    records: Sequence[str | Path], *, sampling_frequency: float, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Read those of the records that are plain, sound, and of this rate and length.

    Parameters
    ----------
    records : sequence of str or Path
        With or without ``.hea``, ``.dat`` or ``.mat``.
    sampling_frequency : float
        Hz.
    samples : int

    Returns
    -------
    counts : ndarray of int16, shape (records, samples, 12)
        Microvolts, leads in the order of the house, :data:`ecglens.record.MISSING` where a sample
        is missing; undefined where a record was not read.
    were_read : ndarray of bool, shape (records,)
        The others are for :func:`ecglens.formats.read`, which says what is wrong with them, if
        anything is.
    """
    counts = np.empty((len(records), samples, len(LEADS)), "<i2")
    stated = np.zeros((len(records), len(LEADS)), np.int64)
    alike: dict[Layout, list[int]] = {}
    for place, record in enumerate(records):
        header, folder = _header(os.fspath(record))
        if header is None or not _suits(header, sampling_frequency, samples):
            continue
        offset = header.layout.offset
        size = offset + counts[place].nbytes
        data = _bytes(folder + header.files[0], size + 1)
        if data is not None and len(data) == size:
            counts[place] = np.frombuffer(data, "<i2", offset=offset).reshape(samples, -1)
            stated[place] = header.checksums
            alike.setdefault(header.layout, []).append(place)
    were_read = np.zeros(len(records), bool)
    for layout, places in alike.items():
        were_read[places] = _convert(counts, stated, layout, places)
    return counts, were_read


def _header(record: str) -> tuple[Header | None, str]:
    """Return a record's header, or None where it takes a closer look, and its folder."""
    stem, ending = os.path.splitext(record)  # noqa: PTH122  a Path costs as much as the reading
    if ending not in _ENDINGS:
        # Without an ending, a file of that very name would be one of another format.
        if ending or os.path.lexists(record):
            return None, ""
        stem = record
    data = _bytes(stem + ".hea", _LONGEST_HEADER)
    if not data or len(data) == _LONGEST_HEADER:
        return None, ""
    try:
        header = parse(data.decode("utf-8"), Path())
    except (UnicodeDecodeError, RecordError):
        return None, ""
    return header, stem[: stem.rfind(os.sep) + 1]


def _suits(header: Header, sampling_frequency: float, samples: int) -> bool:
    layout = header.layout
    return (
        header.is_plain
        and layout.microvolts is not None
        and layout.sampling_frequency == sampling_frequency
        and layout.samples == samples
    )


def _bytes(path: str, most: int) -> bytes | None:
    """Return up to so many bytes of a file, or None where there is none to read."""
    try:
        file = os.open(path, _OPEN)
        try:
            return os.read(file, most)
        finally:
            os.close(file)
    except (OSError, ValueError):
        return None


def _convert(
    counts: np.ndarray, stated: np.ndarray, layout: Layout, places: list[int]
) -> np.ndarray:
    """Turn counts of one layout into microvolts, in place; return which are right."""
    part = counts if len(places) == len(counts) else counts[places]
    right = (checksums(part) == (stated[places] & 0xFFFF)).all(axis=1)
    if not layout.in_order:
        part = part.take(layout.order, axis=2)
    if layout.microvolts > 1:
        missing = part == MISSING
        wide = part.astype(np.int32) * layout.microvolts
        wide[missing] = MISSING
        right &= ((abs(wide) <= _LARGEST) | missing).all(axis=(1, 2))
        part = wide.astype(np.int16)
    if part is not counts:
        counts[places] = part
    return right
