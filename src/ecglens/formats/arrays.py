"""Plain arrays: CSV, NPY and NPZ. What a file does not say of rate, units and leads is given.

None of the three is written by an ECG cart, so each is held to one plain layout:

- CSV: a header with a column a lead, ``I [mV]`` or ``I``; optionally a first or last column
  ``time [s]`` or ``time [ms]``; numbers with a decimal point, an empty cell where a sample is
  missing, a line end after the last row. Comma, semicolon or tab between the columns.
- NPY: an array of numbers, (samples, 12).
- NPZ: such an array ``signal`` and, if they are not given, ``leads`` (12 names), ``units`` (one
  word) and ``sampling_frequency`` (Hz).
"""

import csv
import io
import math
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from ecglens.errors import RecordError
from ecglens.record import LEADS, Record, lead_order, millivolts_per, to_microvolts

MAX_BYTES = 64 << 20  # of a file and of what it unpacks to; ten seconds take half a megabyte

_NPZ_NAMES = ("signal", "leads", "units", "sampling_frequency")
_SECONDS = {"s": 1.0, "ms": 1e-3}
# "I [mV]", "I (mV)", "time [s]" or "I".
_COLUMN = re.compile(r"\s*(?P<name>[^\[(]*?)\s*(?:[\[(]\s*(?P<unit>[^\])]*?)\s*[\])])?\s*")
_TIME = "time"
_POINT = "Write decimals with a point, and no separator of thousands."
_T = TypeVar("_T")


def read_csv(
    path: Path,
    *,
    sampling_frequency: float | None = None,
    units: str | None = None,
    leads: Sequence[str] | None = None,
) -> Record:
    """Read a CSV file; see the module for its layout.

    Parameters
    ----------
    path : Path
    sampling_frequency : float, optional
        Hz; where there is no time column.
    units : str, optional
        Where the header names none.
    leads : sequence of str, optional
        Only compared with the header, which always names them.

    Returns
    -------
    Record

    Raises
    ------
    RecordError
        If the layout is another, a number cannot be read, the time column is uneven, or rate,
        units or leads are missing or said twice and differently.
    """
    text = _text(path)
    delimiter, header = _header(text, path)
    found = [_COLUMN.fullmatch(cell) for cell in header]
    names = [match["name"] if match else cell for match, cell in zip(found, header, strict=True)]
    column_units = [match["unit"] if match else None for match in found]
    values = _numbers(text, delimiter, names, path)

    times = [i for i, name in enumerate(names) if name.lower() == _TIME]
    columns = [i for i in range(len(names)) if i not in times]
    order = lead_order(_known_leads(names, columns, path), path)
    _agreed([names[i] for i in columns], leads and list(leads), "leads", path)
    factors = [
        millivolts_per(
            _agreed(column_units[columns[i]], units, f"units of lead {lead}", path), path
        )
        for lead, i in zip(LEADS, order, strict=True)
    ]
    stated = _rate_of(values[:, times[0]], column_units[times[0]], path) if times else None
    if stated and sampling_frequency and math.isclose(stated, sampling_frequency, rel_tol=2e-4):
        stated = sampling_frequency  # written times are rounded
    rate = _agreed(stated, sampling_frequency, "rate", path)
    return _record(values[:, [columns[i] for i in order]] * factors, rate, path)


def read_npy(
    path: Path,
    *,
    sampling_frequency: float | None = None,
    units: str | None = None,
    leads: Sequence[str] | None = None,
) -> Record:
    """Read an NPY file, which says nothing of rate, units and leads; see :func:`read_csv`."""
    return _described({"signal": _npy(_bytes(path), path)}, path, sampling_frequency, units, leads)


def read_npz(
    path: Path,
    *,
    sampling_frequency: float | None = None,
    units: str | None = None,
    leads: Sequence[str] | None = None,
) -> Record:
    """Read an NPZ file; see the module for its names and :func:`read_csv` for the parameters."""
    return _described(_members(path), path, sampling_frequency, units, leads)


# NumPy


def _described(
    arrays: dict[str, np.ndarray],
    path: Path,
    rate: float | None,
    units: str | None,
    leads: Sequence[str] | None,
) -> Record:
    """Return the record of arrays under the names of :data:`_NPZ_NAMES`."""
    signal = arrays["signal"]
    if signal.ndim != 2 or signal.shape[1] != len(LEADS) or signal.dtype.kind not in "iuf":
        mend = "Transpose it." if signal.ndim == 2 and signal.shape[0] == len(LEADS) else ""
        found = f"an array of {signal.dtype} of shape {signal.shape}"
        raise RecordError(path, found, "numbers of shape (samples, 12)", mend)
    stated_leads, stated_units, stated_rate = (arrays.get(name) for name in _NPZ_NAMES[1:])
    for name, array, kind, size in (
        ("leads", stated_leads, "U", 12),
        ("units", stated_units, "U", 1),
        ("sampling_frequency", stated_rate, "iuf", 1),
    ):
        if array is not None and (array.dtype.kind not in kind or array.size != size):
            found = f"{name} of {array.dtype} and shape {array.shape}"
            expected = {"leads": "twelve names", "units": "one word"}.get(name, "one number")
            raise RecordError(path, found, expected)
    names = None if stated_leads is None else [str(name) for name in stated_leads.ravel()]
    names = _agreed(names, leads and list(leads), "leads", path)
    word = None if stated_units is None else str(stated_units.item())
    factor = millivolts_per(_agreed(word, units, "units", path), path)
    number = None if stated_rate is None else float(stated_rate.item())
    order = lead_order(names, path)
    return _record(
        signal[:, order].astype(float) * factor, _agreed(number, rate, "rate", path), path
    )


def _npy(data: bytes, path: Path) -> np.ndarray:
    """Return the array of an NPY file's bytes, without unpickling and without trusting its shape.

    Raises
    ------
    RecordError
        If the header is not one, describes Python objects, or other bytes than there are.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        parse = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = parse(file, max_header_size=10_000)
    # Parsing a hostile header fails in as many ways as there are literals.
    except Exception as error:
        raise RecordError(
            path, f"a damaged NPY header ({type(error).__name__})", "an array as numpy.save writes"
        ) from None
    if dtype.hasobject:
        raise RecordError(
            path,
            "pickled Python objects",
            "an array of numbers",
            "Objects can run code when they are loaded: save numbers.",
        )
    count = 1
    for size in shape:  # as Python integers, which do not overflow
        count *= int(size)
    body = len(data) - file.tell()
    if min(shape, default=1) < 1 or not 0 < count * dtype.itemsize == body:
        raise RecordError(path, f"{body} bytes", f"{count} values of {dtype}, as its header says")
    flat = np.frombuffer(data, dtype, count, file.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


def _members(path: Path) -> dict[str, np.ndarray]:
    """Return an NPZ file's arrays; nothing is unpacked to disk, nor more than :data:`MAX_BYTES`."""
    _bytes(path)
    known = {f"{name}.npy" for name in _NPZ_NAMES}
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) != len(names) or not {"signal.npy"} <= set(names) <= known:
                raise RecordError(
                    path,
                    f"{len(names)} members other than expected",
                    f"the array signal and, at most, {', '.join(_NPZ_NAMES[1:])}",
                    "Write it with numpy.savez(path, signal=..., leads=..., units=..., "
                    "sampling_frequency=...).",
                )
            return {
                name.removesuffix(".npy"): _npy(_unpacked(archive, name, path), path)
                for name in names
            }
    except RecordError:
        raise
    # A damaged archive makes zipfile raise nearly anything, from KeyError to zlib.error.
    except Exception as error:
        raise RecordError(
            path, f"a damaged archive ({type(error).__name__})", "an NPZ file", "Write it again."
        ) from None


def _unpacked(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """Return a member's bytes; reading stops where a bomb would go on."""
    with archive.open(name) as member:
        data = member.read(MAX_BYTES + 1)
    return _within_limit(data, path)


# CSV


def _text(path: Path) -> str:
    """Return a CSV file's text, which must not have been cut."""
    try:
        text = _bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RecordError(path, "bytes that are not text", "a CSV file in UTF-8") from None
    if not text.endswith(("\n", "\r")):
        raise RecordError(
            path,
            "a last line without an end",
            "a line end after the last row",
            "The file may have been cut: write it again, or end its last line.",
        )
    return text


def _header(text: str, path: Path) -> tuple[str, list[str]]:
    """Return the delimiter and the cells of the first line."""
    first = text.splitlines()[0]
    delimiter = max(",;\t", key=first.count)
    try:
        cells = next(csv.reader([first], delimiter=delimiter, strict=True), [])
    except csv.Error:
        cells = []
    if len(cells) < len(LEADS):
        raise RecordError(
            path,
            f"{len(cells)} columns in its first line",
            "a header with a column for each lead, such as I [mV],II [mV],...",
            "Columns are parted by comma, semicolon or tab.",
        )
    return delimiter, [cell.strip() for cell in cells]


def _known_leads(names: list[str], columns: list[int], path: Path) -> list[str]:
    """Return the lead names of some columns; a message must not show what else is in there."""
    known = {lead.lower() for lead in LEADS}
    unknown = [i + 1 for i in columns if names[i].lower() not in known]
    if unknown:
        raise RecordError(
            path,
            f"names that are no lead's in the header, column {', '.join(map(str, unknown))}",
            f"the leads {' '.join(LEADS)}, in any order, and '{_TIME} [s]' or '{_TIME} [ms]'",
            "Write no row numbers and no other columns.",
        )
    return [names[i] for i in columns]


def _numbers(text: str, delimiter: str, names: list[str], path: Path) -> np.ndarray:
    """Return the values below the header, float64 (samples, columns), NaN where a cell is empty."""
    # float() alone would also take 1_000, infinity and the digits of other scripts.
    allowed = re.compile(rf"[0-9+\-.eE\snNaA{delimiter}]*")
    rows = csv.reader(text.splitlines()[1:], delimiter=delimiter, strict=True)
    values: list[list[float]] = []
    try:
        for row in rows:
            if len(row) != len(names):
                found = f"{len(row)} values in line {rows.line_num + 1}"
                raise RecordError(path, found, f"{len(names)}, as in line 1", _POINT)
            if not allowed.fullmatch(delimiter.join(row)):
                raise ValueError
            values.append([float(cell) if cell and not cell.isspace() else np.nan for cell in row])
    except (ValueError, csv.Error):
        found = f"a cell in line {rows.line_num + 1} that is no number"
        raise RecordError(path, found, "numbers such as -0.125", _POINT) from None
    if not values:
        raise RecordError(path, "no row below the header", "a row for each sample")
    return np.array(values)


def _rate_of(times: np.ndarray, unit: str | None, path: Path) -> float:
    """Return the rate in Hz of a time column.

    Raises
    ------
    RecordError
        If its unit is not known, or a step is not about as long as the others: samples are missing,
        doubled or out of order.
    """
    if unit not in _SECONDS:
        raise RecordError(
            path, "a time column of another or no unit", f"'{_TIME} [s]' or '{_TIME} [ms]'"
        )
    steps = np.diff(times) * _SECONDS[unit]
    mean = steps.mean() if len(steps) else np.nan
    # Rounded times, such as milliseconds at 512 Hz, make steps differ by half; a missing sample
    # doubles one.
    if not (mean > 0 and (np.abs(steps / mean - 1) < 0.6).all()):
        raise RecordError(path, "uneven steps in the time column", "one step from row to row")
    rate = 1 / mean
    # The first and last time are rounded too, and rates are whole numbers unless they are far off.
    return float(round(rate)) if abs(rate / max(round(rate), 1) - 1) < 2e-4 else float(rate)


# All


def _bytes(path: Path) -> bytes:
    """Return a file's bytes."""
    try:
        with path.open("rb") as file:
            return _within_limit(file.read(MAX_BYTES + 1), path)
    except OSError as error:
        raise RecordError(path, str(error.strerror), "a file that can be read") from None


def _within_limit(data: bytes, path: Path) -> bytes:
    if len(data) > MAX_BYTES:
        raise RecordError(
            path,
            f"more than {MAX_BYTES >> 20} MiB",
            "an ECG of seconds or minutes",
            "Cut it, or write it as WFDB.",
        )
    return data


def _agreed(stated: _T | None, given: _T | None, what: str, path: Path) -> _T:
    """Return what the file states or the caller gives.

    Raises
    ------
    RecordError
        If neither does, or the two differ.
    """
    if stated is None and given is None:
        raise RecordError(
            path, f"no {what}", f"the {what} in the file or as a parameter", "It is not guessed."
        )
    if stated is not None and given is not None and stated != given:
        raise RecordError(
            path, f"the {what} {_shown(stated)}", f"{_shown(given)}, as given", "Only one is right."
        )
    return given if stated is None else stated


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _record(millivolts: np.ndarray, rate: float, path: Path) -> Record:
    """Return the record of millivolts (samples, 12) that an ECG can have."""
    with np.errstate(over="ignore"):  # to infinity, which is refused
        signal = millivolts.astype(np.float32)
    to_microvolts(signal, path)
    return Record(signal, float(rate), path.stem, str(path))
