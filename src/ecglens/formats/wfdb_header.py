"""Headers of WFDB records: text lines that say where the samples are and what they mean.

A recorder writes the same header again and again, but for names, first values and checksums. What
follows from the rest, a :class:`Layout`, is worked out once for all records that share it.

Format: https://wfdb.io/spec/header-files.html
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecglens.errors import RecordError
from ecglens.record import MISSING, lead_order, millivolts_per

FORMAT = re.compile(r"(?P<number>\d+)(?P<layout>x\d+|:\d+)?(\+(?P<offset>\d+))?(?P<skew>:\d+)?$")
_PLAIN = re.compile(r"16(x1)?(\+(?P<offset>\d{1,9}))?$")
_GAIN = re.compile(r"(?P<gain>[^(/]+)(\((?P<baseline>[+-]?\d+)\))?(/(?P<units>\S+))?$")
# File, format, gain, resolution, zero, first value, checksum, block size, lead name. The block size
# may be left out: the wfdb package writes headers without it.
_WHOLE = "[+-]?[0-9]{1,10}"
_SIGNAL_LINE = re.compile(
    rf"(\S+)\s+(\S+)\s+(\S+)\s+{_WHOLE}\s+({_WHOLE})\s+{_WHOLE}\s+({_WHOLE})\s+(?:\d+\s+)?(\S.*)$"
)
_FILE = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_MAX_HEADER = 1 << 20  # bytes; a 12-lead header is under 2 kB
_MAX_LEAD_NAME = 12  # characters
_MAX_SHOWN = 80  # characters of what is wrong, in a message
# Python alone would also take 1_000 and the digits of other scripts for numbers.
_NO_NUMBER = re.compile(r"[_\x80-\U0010ffff]")
_WORD = re.compile(r"[^\W\d_]{4,}|\d{7,}")
# Counts a millivolt. The wfdb package's own choice is 1e10 for two millivolts in format 32, and 0.2
# for a lead that stays at 5 mV; beyond these ends every signal would become 0, or no number.
_COARSEST, _FINEST = 1e-3, 1e12
_LARGEST_BASELINE = 1 << 31
# Patterns of headers that were read, and of those that came twice with what follows from them. Some
# sets have a layout a record: they must neither fill the memory nor cost more than they save.
_MAX_SEEN, _MAX_KNOWN = 64, 8
_SEEN: set[str] = set()
_KNOWN: tuple[tuple[re.Pattern, "Layout"], ...] = ()


@dataclass(frozen=True, eq=False)
class Layout:
    """What the headers of one recorder have in common.

    Parameters
    ----------
    sampling_frequency : float
        Hz.
    samples : int or None
        Of each lead; None where the header does not say.
    formats, leads : tuple of str
        Storage format and name by channel, in the order of the file.
    order : ndarray of int, shape (12,)
        The channel of each lead of the house.
    gain, factor, baseline : ndarray, shape (12,)
        Counts a unit, millivolts a unit, and the count of 0 mV, by lead of the house.
    """

    sampling_frequency: float
    samples: int | None
    formats: tuple[str, ...]
    leads: tuple[str, ...]
    order: np.ndarray
    gain: np.ndarray
    factor: np.ndarray
    baseline: np.ndarray

    @cached_property
    def in_order(self) -> bool:
        """Whether the file has the leads in the order of the house."""
        return bool((self.order == np.arange(len(self.order))).all())

    @cached_property
    def offset(self) -> int | None:
        """Bytes before the samples of format 16, interleaved; None for another format."""
        match = _PLAIN.match(self.formats[0])
        return int(match["offset"] or 0) if match and len(set(self.formats)) == 1 else None

    @cached_property
    def missing(self) -> int | np.ndarray:
        """The count that means 'not recorded', by channel where channels differ in it."""
        marks = [_missing_mark(storage) for storage in self.formats]
        return marks[0] if len(set(marks)) == 1 else np.array(marks)

    @cached_property
    def single_gain(self) -> np.float32 | None:
        """Counts a millivolt where all leads have the same, without baseline; None otherwise.

        Dividing 16-bit counts by it in float32 then gives what float64, rounded, gives: a quotient
        is rounded the same through more than twice the digits.
        """
        gain = np.float32(self.gain[0])
        plain = (self.gain == gain).all() and (self.factor == 1).all() and not self.baseline.any()
        return gain if plain else None

    @cached_property
    def microvolts(self) -> int | None:
        """Microvolts of a count, where they are one whole number and 0 counts are 0 mV."""
        found = {float(size) for size in 1000 * self.factor / self.gain}
        whole = len(found) == 1 and found == set(map(round, found)) and not self.baseline.any()
        size = round(found.pop()) if whole else 0
        return size if 0 < size <= np.iinfo(np.int16).max else None


class Header(NamedTuple):
    """What a header says of its record.

    Parameters
    ----------
    layout : Layout
    files : tuple of str
        The signal file of each channel, in the header's folder.
    checksums : tuple of int
        Of each channel: the sum of its counts, of which the lowest 16 bits are right.
    """

    layout: Layout
    files: tuple[str, ...]
    checksums: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """Whether all leads stand interleaved in one file, as format 16, perhaps behind bytes."""
        return self.layout.offset is not None and len(set(self.files)) == 1


class _Channel(NamedTuple):
    """One signal line of a header."""

    file: str
    format: str
    gain: float  # counts per unit
    baseline: int  # counts
    factor: float  # millivolts per unit
    checksum: int
    lead: str


def record_path(record: str | Path) -> Path:
    """Return the header's path of a record given with or without ``.hea``, ``.dat`` or ``.mat``."""
    path = Path(record)
    if path.suffix in (".hea", ".dat", ".mat"):
        path = path.with_suffix("")
    return path.parent / f"{path.name}.hea"


def header_text(path: Path) -> str:
    """Return a header that must be there, of bounded size, and text.

    Raises
    ------
    RecordError
        If it is not.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(_MAX_HEADER + 1)
        if len(data) > _MAX_HEADER:
            size = path.stat().st_size
            raise RecordError(path, f"a header of {size} bytes", "a WFDB text header under 1 MiB")
        return data.decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        folder = path.parent / path.name.removesuffix(".hea")
        if folder.is_dir():
            mend = f"Name its records: {folder}/*.hea"
            raise RecordError(folder, "a folder", "a record", mend) from None
        raise RecordError(
            path, "no such file", "a WFDB header", "Give the record's path without extension."
        ) from None
    except OSError as error:
        raise RecordError(path, error.strerror, "a WFDB header that can be read") from None
    except UnicodeDecodeError:
        raise RecordError(path, "bytes that are not text", "a WFDB text header") from None


def parse(text: str, path: Path) -> Header:
    """Return what a header of one segment and twelve leads says.

    Parameters
    ----------
    text : str
    path : Path
        Where it came from, for messages.

    Raises
    ------
    RecordError
        If it does not keep to the format, names files outside its folder, the leads are not the
        twelve, or a lead's counts cannot be turned into millivolts.
    """
    for pattern, layout in _KNOWN:
        match = pattern.fullmatch(text)
        if match:
            file, *checksums = match.groups()
            return Header(layout, (file,) * len(checksums), tuple(map(int, checksums)))
    lines = [line.strip() for line in text.splitlines()]
    header = _parse([line for line in lines if line and not line.startswith("#")], path)
    _learn(text, header)
    return header


def _learn(text: str, header: Header) -> None:
    """Know a layout from its second header on; to know it costs ten times a parsing."""
    global _KNOWN
    source = _pattern(text, header)
    if source in _SEEN:
        _KNOWN = ((re.compile(source), header.layout), *_KNOWN[: _MAX_KNOWN - 1])
    elif source:
        if len(_SEEN) >= _MAX_SEEN:
            _SEEN.clear()
        _SEEN.add(source)


def _pattern(text: str, header: Header) -> str | None:
    """Return a pattern of the headers that say the same, but for names, numbers and comments.

    What it lets differ, the parser would take as well: plain names, without a path, of the record
    and of its one file; first values and checksums; time and date; comments behind. A header that
    is not written plainly, each thing in its line with one space between, has none.
    """
    lines = text.split("\n")[: 1 + len(header.files)]
    rows = [line.split() for line in lines]
    plain = text.isascii() and lines == [" ".join(row) for row in rows]
    complete = len(rows[0]) > 3 and all(len(row) > 7 for row in rows[1:])
    if not (plain and complete and len(set(header.files)) == 1):
        return None
    parts = [r"[!-.0-~]+ " + re.escape(" ".join(rows[0][1:4])) + r"(?: [!-~]+)*"]
    for number, row in enumerate(rows[1:]):
        file = r"(?P=file)" if number else rf"(?P<file>{_FILE})"
        fixed, last = re.escape(" ".join(row[1:5])), re.escape(" ".join(row[7:]))
        parts.append(f"{file} {fixed} {_WHOLE} ({_WHOLE}) {last}")
    return "\n".join(parts) + r"(?:\n(?:#[ -~]*)?)*"


def _parse(lines: list[str], path: Path) -> Header:
    """Parse a header line by line; see the module's link for the grammar."""
    if not lines:
        raise RecordError(path, "an empty header", "a record line and twelve signal lines")
    fields = lines[0].split()
    try:
        if _NO_NUMBER.search(" ".join(fields[1:4])):
            raise ValueError
        name, leads = fields[0], int(fields[1])
        rate = float(fields[2].split("/")[0].split("(")[0]) if len(fields) > 2 else 250.0
        samples = int(fields[3]) if len(fields) > 3 else None
    except (IndexError, ValueError):
        raise RecordError(
            path, f"the record line {shown(lines[0])!r}", "'NAME SIGNALS RATE SAMPLES'"
        ) from None
    if "/" in name:
        raise RecordError(
            path,
            f"a multi-segment record ({name})",
            "one segment of twelve leads",
            "Convert it first, for example with the WFDB tool 'snip'.",
        )
    if leads != len(lines) - 1:
        raise RecordError(
            path, f"{len(lines) - 1} signal lines", f"{leads}, as its first line says"
        )
    if not (np.isfinite(rate) and rate > 0) or (samples is not None and samples < 1):
        raise RecordError(
            path, f"a rate of {rate} Hz and {samples} samples", "a rate and a length above zero"
        )
    channels = [_parse_channel(line, path) for line in lines[1:]]
    _refuse_odd_channels(channels, path)
    return _of_channels(rate, samples, channels, path)


def _of_channels(rate: float, samples: int | None, channels: list[_Channel], path: Path) -> Header:
    order = np.array(lead_order([c.lead for c in channels], path))
    ordered = [channels[k] for k in order]
    layout = Layout(
        rate,
        samples,
        tuple(c.format for c in channels),
        tuple(c.lead for c in channels),
        order,
        *(np.array([getattr(c, name) for c in ordered]) for name in ("gain", "factor", "baseline")),
    )
    return Header(layout, tuple(c.file for c in channels), tuple(c.checksum for c in channels))


def _refuse_odd_channels(channels: list[_Channel], path: Path) -> None:
    """Refuse leads of one file in two storage formats, and what is too long for a lead's name.

    The package would read them all in the first format. A long name is what is left where a line
    end is lost, and a comment, which may name the patient, follows.
    """
    of_file: dict[str, str] = {}
    for channel in channels:
        if len(channel.lead) > _MAX_LEAD_NAME:
            found = f"a lead name of {len(channel.lead)} characters in a signal line"
            raise RecordError(path, found, f"one of up to {_MAX_LEAD_NAME}, such as aVR")
        match = FORMAT.match(channel.format)
        number = match["number"] if match else channel.format
        if of_file.setdefault(channel.file, number) != number:
            found = f"lead {channel.lead} in another format than the lead before in its file"
            raise RecordError(path, found, "one storage format in each signal file")


def shown(text: str) -> str:
    """Return a part of a header for a message, with words and long numbers left out.

    In a damaged header a comment may have become part of a line, and comments name the patient.
    """
    words = text[:_MAX_SHOWN].split()
    return " ".join("…" if _WORD.search(w) and not set(w) & set("./") else w for w in words)


def _parse_channel(line: str, path: Path) -> _Channel:
    """Parse 'FILE FORMAT GAIN(BASELINE)/UNITS RESOLUTION ZERO FIRST CHECKSUM BLOCK LEAD'."""
    match = _SIGNAL_LINE.match(line)
    if not match:
        raise RecordError(
            path,
            f"the signal line {shown(line)!r}",
            "file, format, gain, resolution, zero, first value, checksum, block size and lead name",
        )
    file, storage, gain_field, zero, checksum, lead = match.groups()
    if Path(file).name != file or file in ("..", "."):
        raise RecordError(
            path,
            f"the signal file {shown(file)!r}",
            "a file name in the header's own folder",
            "A header that points elsewhere is not read.",
        )
    gain, baseline, factor = _scale(gain_field, zero, lead, path)
    return _Channel(file, storage, gain, baseline, factor, int(checksum), lead)


def _scale(field: str, zero: str, lead: str, path: Path) -> tuple[float, int, float]:
    """Parse 'GAIN(BASELINE)/UNITS': counts a unit, the count of 0 mV, millivolts a unit."""
    match = _GAIN.match(field)
    try:
        if _NO_NUMBER.search(match["gain"]):
            raise ValueError
        gain = float(match["gain"])
        baseline = int(match["baseline"] or zero)
    except (TypeError, ValueError):
        found = f"the gain {shown(field)!r} of lead {shown(lead)}"
        raise RecordError(path, found, "such as 1000.0(0)/mV") from None
    if not (np.isfinite(gain) and gain > 0):
        raise RecordError(
            path,
            f"a gain of {shown(field)!r} for lead {shown(lead)}",
            "counts per unit above zero",
            "An uncalibrated record has no millivolts.",
        )
    # The WFDB format itself says that units left out are millivolts.
    factor = millivolts_per(match["units"] or "mV", path)
    if not _COARSEST <= gain / factor <= _FINEST:
        found = f"{gain / factor:.3g} counts per mV ({shown(field)}) for lead {shown(lead)}"
        expected = f"{_COARSEST:g} to {_FINEST:g} counts per mV"
        raise RecordError(path, found, expected, "Correct the gain or its unit in the header.")
    if abs(baseline) > _LARGEST_BASELINE:
        found = f"the baseline of {shown(field)!r}, lead {shown(lead)}"
        raise RecordError(path, found, "one that 32 bits hold")
    return gain, baseline, factor


def _missing_mark(storage: str) -> int:
    """Return the count that means 'not recorded' in a storage format: its lowest."""
    number = (FORMAT.match(storage) or {"number": "16"})["number"]
    marks = {"80": -128, "212": -2048, "310": -512, "311": -512, "24": -(1 << 23), "32": -(1 << 31)}
    return marks.get(number, MISSING)
