"""File formats: from a path to a :class:`ecglens.record.Record`, whatever wrote the file.

Every format gives lead names and units itself, or is given them; none is guessed. Nothing of the
patient (names, identifiers, dates) passes this door, nor gets into a message; a record's name is
its file's.

Reading WFDB in format 16, CSV, NPY and NPZ needs numpy alone. The formats of ECG carts and archives
need the extra ``formats``.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ecglens.errors import RecordError
from ecglens.formats import arrays, clinical, wfdb
from ecglens.record import Record, refuse_no_ecg, refuse_odd_rate

_HEAD = 1 << 14  # bytes looked at to recognise a format; a root element may follow long comments


@dataclass(frozen=True)
class Format:
    """One file format.

    Parameters
    ----------
    name : str
    endings : tuple of str
        Of file names, in lower case.
    marks : callable
        Whether a file's first bytes are this format's.
    read : callable
        From a path to a record.
    self_contained : bool
        Whether such a file always says its rate, units and leads; where it does not, ``read``
        takes them as keywords.
    """

    name: str
    endings: tuple[str, ...]
    marks: Callable[[bytes], bool]
    read: Callable[..., Record]
    self_contained: bool = True


def _root(name: str) -> Callable[[bytes], bool]:
    """Return a check for an XML root element, in UTF-8 or UTF-16, with or without a prefix."""
    start = re.compile(rf"<(\w+:)?{name}[\s>/]".encode())
    return lambda head: bool(start.search(head.replace(b"\0", b"")))


def _never(head: bytes) -> bool:
    """Stand for the mark of a format that has none."""
    return False


def _clinical(kind: str, endings: tuple[str, ...], marks: Callable[[bytes], bool]) -> Format:
    return Format(kind, endings, marks, partial(clinical.read, kind=kind))


FORMATS = (
    Format("WFDB", (".hea", ".dat", ".mat"), _never, wfdb.read),
    Format("NPY", (".npy",), lambda h: h.startswith(b"\x93NUMPY"), arrays.read_npy, False),
    Format("NPZ", (".npz",), lambda h: h.startswith(b"PK\x03\x04"), arrays.read_npz, False),
    _clinical("DICOM", (".dcm", ".dicom"), lambda h: h[128:132] == b"DICM"),
    _clinical("HL7 aECG", (".xml",), _root("AnnotatedECG")),
    _clinical("GE MUSE XML", (".xml",), _root("RestingECG")),
    _clinical("Philips Sierra XML", (".xml",), _root("restingecgdata")),
    # Section 0 comes first, and its own entry in its table of pointers says byte 7.
    _clinical(
        "SCP-ECG", (".scp",), lambda h: h[8:10] == h[22:24] == b"\0\0" and h[28:32] == b"\7\0\0\0"
    ),
    _clinical("EDF", (".edf",), lambda h: h.startswith(b"0       ")),
    # Last, because text has no mark of its own.
    Format("CSV", (".csv", ".tsv", ".txt"), _never, arrays.read_csv, False),
)


def read(
    path: str | Path,
    *,
    sampling_frequency: float | None = None,
    units: str | None = None,
    leads: Sequence[str] | None = None,
) -> Record:
    """Read a 12-lead ECG from a file of any format in :data:`FORMATS`.

    Parameters
    ----------
    path : str or Path
        A file, or a WFDB record without its ending.
    sampling_frequency : float, optional
        Hz. For a file that does not say; one that says otherwise is refused.
    units : str, optional
        Of every lead, such as "uV": for a CSV, NPY or NPZ file that does not say.
    leads : sequence of str, optional
        The columns' leads, for an NPY or NPZ file that does not say.

    Returns
    -------
    Record
        Millivolts, leads in the order of the house.

    Raises
    ------
    RecordError
        If the format is not known, or the file is missing, damaged, larger than any ECG, without
        units, lead names or a rate, or not of the twelve leads.

    Examples
    --------
    >>> read("records100/00000/00001_lr").sampling_frequency                # doctest: +SKIP
    100.0
    >>> read("ecg.npy", sampling_frequency=500, units="uV", leads=LEADS)    # doctest: +SKIP
    """
    path = Path(path)
    kind = recognise(path)
    if not kind.self_contained:
        record = kind.read(path, sampling_frequency=sampling_frequency, units=units, leads=leads)
        refuse_odd_rate(record.sampling_frequency, record.source)
        return record
    record = kind.read(path)
    refuse_odd_rate(record.sampling_frequency, record.source)
    if sampling_frequency is not None and record.sampling_frequency != sampling_frequency:
        raise RecordError(
            path,
            f"{record.sampling_frequency:g} Hz",
            f"{sampling_frequency:g} Hz, as asked for",
            "The file's own rate is right, or its header is wrong: find out which.",
        )
    refuse_no_ecg(record.signal, record.source)
    return record


def recognise(path: Path) -> Format:
    """Return a file's format, by what is in it, or by its ending where that says nothing.

    Raises
    ------
    RecordError
        If there is no such file, or its format is not known.
    """
    ending = path.suffix.lower()
    of_ending = [kind for kind in FORMATS if ending in kind.endings]
    wfdb_format = FORMATS[0]
    if not _is_file(path):
        if of_ending and wfdb_format not in of_ending:
            raise RecordError(path, "no such file", f"a file in the format {_names(of_ending)}")
        return wfdb_format  # a record without its ending
    if wfdb_format in of_ending and (ending == ".hea" or path.with_suffix(".hea").is_file()):
        return wfdb_format
    head = _head(path)
    marked = next((kind for kind in FORMATS if kind.marks(head)), None)
    if marked:
        return marked
    unmarked = next((kind for kind in of_ending if kind.marks is _never), None)
    if unmarked:
        return unmarked
    expected = _names(of_ending or FORMATS)
    raise RecordError(
        path, "content of no format that is known", f"a file in the format {expected}"
    )


def _is_file(path: Path) -> bool:
    """Return whether there is a file, which there is not under a name that no file can have."""
    if "\0" in str(path):
        raise RecordError(repr(str(path)), "a NUL in its name", "the path of a file")
    try:
        return path.is_file()
    except OSError:
        return False


def _head(path: Path) -> bytes:
    """Return a file's first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise RecordError(path, str(error.strerror), "a file that can be read") from None


def _names(formats: Sequence[Format]) -> str:
    return " or ".join(kind.name for kind in formats)
