"""WFDB records, as PhysioNet publishes them: a text header (.hea) and signal files.

Format 16 in one signal file, which is what PTB-XL, MIMIC-IV-ECG and most 12-lead sets use, is read
here directly with numpy and every checksum verified: ``wfdb.rdrecord`` spends over thirty times as
long on the header alone. So are the MATLAB v4 files (.mat) of the PhysioNet/CinC challenges, which
are the same numbers behind 24 bytes, "16+24". Every other storage format is read by the ``wfdb``
package, and verified in the same way.

Format: https://wfdb.io/spec/header-files.html
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecglens.errors import RecordError
from ecglens.record import MISSING, Record, lead_order, millivolts_per

_GAIN = re.compile(r"(?P<gain>[^(/]+)(\((?P<baseline>[+-]?\d+)\))?(/(?P<units>\S+))?$")
_FORMAT = re.compile(r"(?P<number>\d+)(?P<layout>x\d+|:\d+)?(\+(?P<offset>\d+))?(?P<skew>:\d+)?$")
_PLAIN = re.compile(r"16(x1)?(\+(?P<offset>\d{1,9}))?$")
# File, format, gain, resolution, zero, first value, checksum, block size, lead name. The block size
# may be left out: the wfdb package writes headers without it.
_SIGNAL_LINE = re.compile(
    r"(\S+)\s+(\S+)\s+(\S+)\s+[+-]?\d+\s+([+-]?\d+)\s+[+-]?\d+\s+([+-]?\d+)\s+(?:\d+\s+)?(\S.*)$"
)
_MAX_HEADER = 1 << 20  # bytes; a 12-lead header is under 2 kB
_MAX_SHOWN = 80  # characters of what is wrong, in a message
# Python alone would also take 1_000 and the digits of other scripts for numbers.
_NO_NUMBER = re.compile(r"[_\x80-\U0010ffff]")
_MAX_LEAD_NAME = 12  # characters
_WORD = re.compile(r"[^\W\d_]{4,}|\d{7,}")


@dataclass(frozen=True)
class _Channel:
    """One signal line of a header."""

    file: str
    format: str
    gain: float  # counts per unit
    baseline: int  # counts
    units: str
    checksum: int
    lead: str


@dataclass(frozen=True)
class _Header:
    """What the header says of the record."""

    path: Path
    sampling_frequency: float  # Hz
    samples: int | None
    channels: list[_Channel]


def record_path(record: str | Path) -> Path:
    """Return the header's path of a record given with or without ``.hea``, ``.dat`` or ``.mat``."""
    path = Path(record)
    if path.suffix in (".hea", ".dat", ".mat"):
        path = path.with_suffix("")
    return path.parent / f"{path.name}.hea"


def read(record: str | Path) -> Record:
    """Read a 12-lead WFDB record.

    Parameters
    ----------
    record : str or Path
        The record, with or without ``.hea`` or ``.dat``.

    Returns
    -------
    Record
        Millivolts, leads in the order of the house.

    Raises
    ------
    RecordError
        If a file is missing, truncated or names files outside its folder, a checksum is wrong, the
        leads are not the twelve, or the units are not known.
    """
    header = _read_header(record_path(record))
    channels = header.channels
    order = lead_order([c.lead for c in channels], header.path)
    counts = _read_format_16(header) if _is_plain(header) else _read_by_package(header)
    _verify_checksums(header, counts)
    missing = counts == np.array([_missing_mark(c.format) for c in channels])

    ordered = [channels[i] for i in order]
    # As one line a lead: a gain of 1000/mV is then an exact division of the file's integers.
    factor = np.array([millivolts_per(c.units, header.path) for c in ordered])
    gain = np.array([c.gain for c in ordered])
    baseline = np.array([c.baseline for c in ordered])
    signal = ((counts[:, order] - baseline) * factor / gain).astype(np.float32)
    signal[missing[:, order]] = np.nan
    return Record(signal, header.sampling_frequency, header.path.stem, str(header.path))


def _read_header(path: Path) -> _Header:
    """Parse a single-segment header; see the module's link for the grammar."""
    lines = _header_lines(path)
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
            path, f"the record line {_shown(lines[0])!r}", "'NAME SIGNALS RATE SAMPLES'"
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
    return _Header(path, rate, samples, channels)


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
        match = _FORMAT.match(channel.format)
        number = match["number"] if match else channel.format
        if of_file.setdefault(channel.file, number) != number:
            found = f"lead {channel.lead} in another format than the lead before in its file"
            raise RecordError(path, found, "one storage format in each signal file")


def comments(record: str | Path) -> dict[str, str]:
    """Return what a header's comments say of the record, such as ``{"age": "57", "sex": "Male"}``.

    Parameters
    ----------
    record : str or Path
        The record, with or without ``.hea``.

    Returns
    -------
    dict
        The text after the colon by the word before it, in lower case; the first where a word
        comes twice. They may name the patient: nothing of them goes into a :class:`Record`.

    Raises
    ------
    RecordError
        If the header is missing, too long, or no text.
    """
    said = {}
    for line in _header_text(record_path(record)).splitlines():
        name, colon, value = line.strip().partition(":")
        if colon and name.startswith("#"):
            # "# Age: 57" in the CinC challenges' headers, "#<age>: 57" in LUDB's.
            said.setdefault(name.strip("#<> \t").lower(), value.strip())
    return said


def _header_lines(path: Path) -> list[str]:
    """Return the header's lines without comments."""
    lines = (line.strip() for line in _header_text(path).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _header_text(path: Path) -> str:
    """Return a header that must be there, of bounded size, and text."""
    try:
        size = path.stat().st_size
        if size > _MAX_HEADER:
            raise RecordError(path, f"a header of {size} bytes", "a WFDB text header under 1 MiB")
        return path.read_bytes().decode("utf-8")
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


def _shown(text: str) -> str:
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
            f"the signal line {_shown(line)!r}",
            "file, format, gain, resolution, zero, first value, checksum, block size and lead name",
        )
    file, storage, gain_field, zero, checksum, lead = match.groups()
    if Path(file).name != file or file in ("..", "."):
        raise RecordError(
            path,
            f"the signal file {_shown(file)!r}",
            "a file name in the header's own folder",
            "A header that points elsewhere is not read.",
        )
    match = _GAIN.match(gain_field)
    try:
        if _NO_NUMBER.search(match["gain"]):
            raise ValueError
        gain = float(match["gain"])
        baseline = int(match["baseline"] or zero)
    except (TypeError, ValueError):
        raise RecordError(
            path,
            f"the gain {_shown(gain_field)!r} of lead {_shown(lead)}",
            "such as 1000.0(0)/mV",
        ) from None
    if not (np.isfinite(gain) and gain > 0):
        raise RecordError(
            path,
            f"a gain of {_shown(gain_field)!r} for lead {_shown(lead)}",
            "counts per unit above zero",
            "An uncalibrated record has no millivolts.",
        )
    # The WFDB format itself says that units left out are millivolts.
    units = match["units"] or "mV"
    return _Channel(file, storage, gain, baseline, units, int(checksum), lead)


def _is_plain(header: _Header) -> bool:
    """Whether all leads stand interleaved in one file, as format 16, perhaps behind some bytes."""
    return (
        bool(header.channels)
        and len({(c.file, c.format) for c in header.channels}) == 1
        and _PLAIN.match(header.channels[0].format) is not None
    )


def _read_format_16(header: _Header) -> np.ndarray:
    """Return int16 counts (samples, leads) of a plain format-16 file."""
    leads = len(header.channels)
    path = header.path.with_name(header.channels[0].file)
    offset = int(_PLAIN.match(header.channels[0].format)["offset"] or 0)
    found = _signal_bytes(path, header) - offset
    samples = header.samples if header.samples is not None else found // (2 * leads)
    expected = samples * leads * 2
    if found != expected or samples < 1:
        what = "truncated: " if found < expected else ""
        behind = f" behind the first {offset}" if offset else ""
        raise RecordError(
            path,
            f"{what}{max(found, 0)} bytes{behind}",
            f"{expected} bytes for {leads} leads of {samples} samples",
            "Fetch the record again.",
        )
    try:
        return np.fromfile(path, dtype="<i2", offset=offset).reshape(samples, leads)
    except OSError as error:
        raise RecordError(path, error.strerror, "a signal file that can be read") from None


def _read_by_package(header: _Header) -> np.ndarray:
    """Return int counts (samples, leads) of any other storage format, read by ``wfdb``."""
    _refuse_what_cannot_fit(header)
    import wfdb  # here, because it imports pandas, which format 16 can do without

    try:
        record = wfdb.rdrecord(str(header.path.with_suffix("")), physical=False)
    # The package raises whatever its parsing runs into; each is this record's fault. Its text may
    # quote a comment.
    except Exception as error:
        formats = sorted({c.format for c in header.channels})
        storage = ", ".join(f if _FORMAT.match(f) else _shown(f) for f in formats)
        raise RecordError(
            header.path,
            f"signals that the wfdb package cannot read ({type(error).__name__})",
            f"signal files in WFDB format {storage}",
        ) from None
    if record.d_signal is None:
        raise RecordError(
            header.path, "more than one rate among the leads", "one rate for the twelve leads"
        )
    return record.d_signal.astype(np.int64)


def _refuse_what_cannot_fit(header: _Header) -> None:
    """Refuse a header that declares more samples than its files hold, before memory is taken."""
    for name in {c.file for c in header.channels}:
        path = header.path.with_name(name)
        size = _signal_bytes(path, header)
        # No WFDB format stores a sample in less than a bit; FLAC is the most compact.
        if (header.samples or 0) > 8 * size * len(header.channels):
            raise RecordError(
                path,
                f"{size} bytes",
                f"{header.samples} samples, as {header.path.name} says",
                "Fetch the record again.",
            )


def _signal_bytes(path: Path, header: _Header) -> int:
    """Return the size of a signal file that must be there."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        expected = f"the signals of {header.path.name}"
        raise RecordError(path, found, expected, "Fetch the record again.")
    return path.stat().st_size


def _missing_mark(storage: str) -> int:
    """Return the count that means 'not recorded' in a storage format: its lowest."""
    number = (_FORMAT.match(storage) or {"number": "16"})["number"]
    marks = {"80": -128, "212": -2048, "310": -512, "311": -512, "24": -(1 << 23), "32": -(1 << 31)}
    return marks.get(number, MISSING)


def _verify_checksums(header: _Header, counts: np.ndarray) -> None:
    """Compare each lead's 16-bit sum with the header's.

    Raises
    ------
    RecordError
        If one differs: the signal file is not the one that the header describes.
    """
    sums = counts.sum(axis=0, dtype=np.int64)
    for total, channel in zip(sums, header.channels, strict=True):
        if (int(total) - channel.checksum) & 0xFFFF:
            path = header.path.with_name(channel.file)
            raise RecordError(
                path,
                f"checksum {int(total) & 0xFFFF} in lead {channel.lead}",
                f"{channel.checksum & 0xFFFF}, as {header.path.name} says",
                "The file is damaged: fetch the record again.",
            )
