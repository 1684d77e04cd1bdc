"""WFDB records, as PhysioNet publishes them: a text header (.hea) and signal files.

Format 16 in one signal file, which is what PTB-XL, MIMIC-IV-ECG and most 12-lead sets use, is read
here directly with numpy and every checksum verified: ``wfdb.rdrecord`` spends over thirty times as
long on the header alone. So are the MATLAB v4 files (.mat) of the PhysioNet/CinC challenges, which
are the same numbers behind 24 bytes, "16+24". Every other storage format is read by the ``wfdb``
package, and verified in the same way.

Format: https://wfdb.io/spec/header-files.html
"""

from pathlib import Path
from stat import S_ISDIR, S_ISREG

import numpy as np

from ecglens.errors import RecordError
from ecglens.formats.wfdb_header import (
    FORMAT,
    Header,
    Layout,
    header_text,
    parse,
    record_path,
    shown,
)
from ecglens.record import Record

__all__ = ["comments", "read", "record_path"]


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
    path = record_path(record)
    header = parse(header_text(path), path)
    counts = _read_format_16(header, path) if header.is_plain else _read_by_package(header, path)
    _verify_checksums(header, counts, path)
    signal = _millivolts(header.layout, counts)
    return Record(signal, header.layout.sampling_frequency, path.stem, str(path))


def _millivolts(layout: Layout, counts: np.ndarray) -> np.ndarray:
    """Return float32 millivolts of the twelve leads in the order of the house."""
    missing = counts == layout.missing
    if not layout.in_order:
        counts, missing = counts[:, layout.order], missing[:, layout.order]
    if layout.single_gain and counts.dtype == np.int16:
        signal = counts.astype(np.float32) / layout.single_gain
    else:
        # As one line a lead: a gain of 1000/mV is then an exact division of the file's integers.
        signal = (counts - layout.baseline) * layout.factor / layout.gain
        signal = signal.astype(np.float32)
    if missing.any():
        signal[missing] = np.nan
    return signal


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
    for line in header_text(record_path(record)).splitlines():
        name, colon, value = line.strip().partition(":")
        if colon and name.startswith("#"):
            # "# Age: 57" in the CinC challenges' headers, "#<age>: 57" in LUDB's.
            said.setdefault(name.strip("#<> \t").lower(), value.strip())
    return said


def _read_format_16(header: Header, path: Path) -> np.ndarray:
    """Return int16 counts (samples, leads) of a plain format-16 file."""
    layout, leads = header.layout, len(header.files)
    path, name = path.with_name(header.files[0]), path.name
    found = _signal_bytes(path, name) - layout.offset
    samples = layout.samples if layout.samples is not None else found // (2 * leads)
    expected = samples * leads * 2
    if found != expected or samples < 1:
        what = "truncated: " if found < expected else ""
        behind = f" behind the first {layout.offset}" if layout.offset else ""
        raise RecordError(
            path,
            f"{what}{max(found, 0)} bytes{behind}",
            f"{expected} bytes for {leads} leads of {samples} samples",
            "Fetch the record again.",
        )
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(layout.offset)
            data = file.read(expected)
    except OSError as error:
        raise RecordError(path, error.strerror, "a signal file that can be read") from None
    if len(data) != expected:  # it was written to while we read
        raise RecordError(path, f"{len(data)} bytes", f"{expected}", "Fetch the record again.")
    return np.frombuffer(data, "<i2").reshape(samples, leads)


def _read_by_package(header: Header, path: Path) -> np.ndarray:
    """Return int counts (samples, leads) of any other storage format, read by ``wfdb``."""
    _refuse_what_cannot_fit(header, path)
    import wfdb  # here, because it imports pandas, which format 16 can do without

    try:
        record = wfdb.rdrecord(str(path.with_suffix("")), physical=False)
    # The package raises whatever its parsing runs into; each is this record's fault. Its text may
    # quote a comment.
    except Exception as error:
        storage = ", ".join(
            f if FORMAT.match(f) else shown(f) for f in sorted(set(header.layout.formats))
        )
        raise RecordError(
            path,
            f"signals that the wfdb package cannot read ({type(error).__name__})",
            f"signal files in WFDB format {storage}",
        ) from None
    if record.d_signal is None:
        raise RecordError(
            path, "more than one rate among the leads", "one rate for the twelve leads"
        )
    return record.d_signal.astype(np.int64)


def _refuse_what_cannot_fit(header: Header, path: Path) -> None:
    """Refuse a header that declares more samples than its files hold, before memory is taken."""
    samples = header.layout.samples or 0
    for file in set(header.files):
        size = _signal_bytes(path.with_name(file), path.name)
        # No WFDB format stores a sample in less than a bit; FLAC is the most compact.
        if samples > 8 * size * len(header.files):
            raise RecordError(
                path.with_name(file),
                f"{size} bytes",
                f"{samples} samples, as {path.name} says",
                "Fetch the record again.",
            )


def _signal_bytes(path: Path, header: str) -> int:
    """Return the size of a signal file that must be there, and a file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        found = None
    if found is None or not S_ISREG(found.st_mode):
        what = "a folder" if found and S_ISDIR(found.st_mode) else "no such file"
        raise RecordError(path, what, f"the signals of {header}", "Fetch the record again.")
    return found.st_size


def _verify_checksums(header: Header, counts: np.ndarray, path: Path) -> None:
    """Compare each lead's 16-bit sum with the header's.

    Raises
    ------
    RecordError
        If one differs: the signal file is not the one that the header describes.
    """
    for channel, total in enumerate(checksums(counts[None])[0].tolist()):
        if total != header.checksums[channel] & 0xFFFF:
            raise RecordError(
                path.with_name(header.files[channel]),
                f"checksum {total} in lead {header.layout.leads[channel]}",
                f"{header.checksums[channel] & 0xFFFF}, as {path.name} says",
                "The file is damaged: fetch the record again.",
            )


def checksums(counts: np.ndarray) -> np.ndarray:
    """Return the 16-bit sums of each record's channels, as headers have them.

    Parameters
    ----------
    counts : ndarray of int, shape (records, samples, channels)

    Returns
    -------
    ndarray of uint16, shape (records, channels)
    """
    records, samples, channels = counts.shape
    # Sums of 16 bits overflow as the format's do. Eight samples side by side first: sums along
    # short rows take four times as long.
    whole = samples - samples % 8
    wide = counts[:, :whole].reshape(records, whole // 8, 8 * channels)
    partly = wide.sum(axis=1, dtype=np.uint16).reshape(records, 8, channels)
    rest = counts[:, whole:].sum(axis=1, dtype=np.uint16)
    return partly.sum(axis=1, dtype=np.uint16) + rest
