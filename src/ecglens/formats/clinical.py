"""Files of ECG carts and archives: DICOM, HL7 aECG, GE MUSE, Philips Sierra, SCP-ECG and EDF.

The package ``ecgdatakit`` parses them. It was chosen because it reads all six, keeps lead names,
units and scale as the file states them and says when something is odd. What it says it only warns
of, so this module turns it into refusals: a checksum that fails (SCP-ECG, MUSE), a truncated EDF
file, a second tracing that would be left out. It also holds what the package does not look at:
leads of one length, start and rate, units of voltage, files that unpack to more than an ECG.

Which formats notice a changed signal: SCP-ECG (CRC of every section) and MUSE (CRC-32 of every
lead, if the file has it). DICOM, aECG, Sierra and EDF have no checksum.

Only the waveform leaves this module. Names, identifiers and dates of the patient are dropped with
the rest of the parsed file, and since the package's messages may quote the file, they are sorted
into sentences of our own and never passed on.
"""

import base64
import binascii
import importlib
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ecglens.errors import RecordError
from ecglens.record import LEADS, Record, lead_order, millivolts_per, to_microvolts

# Module and class in ecgdatakit.parsing.parsers, and the most bytes that a file may have: some
# hundred times what ten seconds take, and few enough that no file keeps the parser for long.
_PARSERS = {
    "DICOM": ("dicom_waveform", "DICOMWaveformParser", 64 << 20),
    "HL7 aECG": ("hl7_aecg", "HL7aECGParser", 16 << 20),
    "GE MUSE XML": ("ge_muse_xml", "GEMuseXMLParser", 16 << 20),
    "Philips Sierra XML": ("sierra_xml", "SierraXMLParser", 16 << 20),
    "SCP-ECG": ("scp_ecg", "SCPECGParser", 2 << 20),
    "EDF": ("edf", "EDFParser", 64 << 20),
}
_XML = ("HL7 aECG", "GE MUSE XML", "Philips Sierra XML")

# What the package complains of, by words of its messages, in words that quote nothing.
_COMPLAINTS = (
    (r"CRC", "a checksum that does not match its data"),
    (r"[Ee]ntit", "XML entities, as an XML bomb has"),
    (r"[Mm]alformed|encoding error", "XML that is not well formed"),
    (r"unsupported|not supported", "a variant of the format that is not supported"),
    (r"LeadOffset|FirstSampleBaseline", "an offset of the first sample, which is not defined"),
    (r"only the first|[Aa]dditional", "more than one tracing"),
    (r"gaps", "gaps in the recording"),
    (r"[Rr]ate|increment|interval|SampleBase", "no sampling rate that can be used"),
    (
        r"truncated|too short|too small|ends after|declares|expected|exceeds|outside|holds|"
        r"byte\(s\) after|not closed|shorter|only \d|overrun|Base64|no waveform|no usable|digits",
        "data that is cut short, or other than it declares",
    ),
    (r"[Mm]issing|No |no |without", "a part that is missing"),
)
_DAMAGED = "content that cannot be parsed"

# Warnings of what is not read here: median beats, measurements, further groups and leads. What the
# rhythm lacks because of them is noticed when the twelve leads are put together.
_HARMLESS = re.compile(
    r"median|representative beat|repbeats|multiplex group|Unit .* not recognised|"
    r"Unrecognised sequences|Section 1 has a wrong tag length|Section 4 QRS|Section 12|"
    r"not an integer"
)
_VOLTS = ("nV", "uV", "mV", "V")  # as the package writes units that it knows
_UNFIT = re.compile("DISCONNECTED|INVALID|UNCALIBRATED|UNZEROED|TEST DATA")  # DICOM C.10.9.1.4.4
_ENCODINGS = re.compile(r"(utf-?(8|16)|us-ascii|ascii|iso-8859-\d+|windows-125\d)(le|be)?$", re.I)
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"']*)[\"']")
_DEFLATED = "1.2.840.10008.1.2.1.99"  # DICOM's transfer syntax of a file compressed as a whole
_MAX_MARKUP = (
    300_000  # tags and attributes; an aECG with every beat annotated has tens of thousands
)
_PROLOG = re.compile(r"^\s*<\?xml[^>]*\?>")
_MAX_XLI = 4 << 20  # bytes unpacked; twelve leads of ten seconds at 1000 Hz take 240 kB

# Warnings are caught for the whole process, so that one file is read at a time.
_ONE_AT_A_TIME = threading.Lock()


def read(path: Path, *, kind: str) -> Record:
    """Read a file of an ECG cart or archive.

    Parameters
    ----------
    path : Path
    kind : str
        A key of the table of formats: "DICOM", "HL7 aECG", "GE MUSE XML", "Philips Sierra XML",
        "SCP-ECG" or "EDF".

    Returns
    -------
    Record
        III, aVR, aVL and aVF are worked out where a file leaves them to I and II, as MUSE and
        SCP-ECG files do.

    Raises
    ------
    RecordError
        If the file is damaged, too large, not of twelve leads of one length and rate, or says no
        unit of voltage; if ecgdatakit is not installed.
    """
    parsed = _parse(path, kind)
    _refuse_what_does_not_fit(parsed, path, kind)
    signal = {lead.label: _millivolts(lead, path, kind) for lead in parsed.leads}
    signal = _with_derived_limb_leads(signal)
    names = [name for name in signal if name in LEADS]
    order = lead_order(names, path)
    with np.errstate(over="ignore"):  # to infinity, which is refused
        columns = np.stack([signal[names[i]] for i in order], axis=1).astype(np.float32)
    to_microvolts(columns, path)
    return Record(columns, _sampling_frequency(parsed), path.stem, str(path))


# Parsing


def _parse(path: Path, kind: str):
    """Return ecgdatakit's record of a file, of which nothing was odd."""
    module, name, limit = _PARSERS[kind]
    _refuse_bombs(path, kind, limit)
    try:
        parser = getattr(importlib.import_module(f"ecgdatakit.parsing.parsers.{module}"), name)()
        if kind == "DICOM":
            importlib.import_module("pydicom")
    except ImportError as error:
        raise RecordError(
            path,
            f"no package {error.name}",
            f"the package that reads {kind}",
            "Install it: pip install 'ecglens[formats]'",
        ) from None
    with _quietly() as caught:
        try:
            if kind == "DICOM":
                _refuse_deflated(path)
            parsed = parser.parse(path)
        except RecordError:
            raise
        # The packages raise whatever their parsing runs into; each is this file's fault. Its text
        # may quote the patient, and so may its traceback: "from None".
        except Exception as error:
            raise _refusal(path, kind, _complaint(str(error))) from None
    for warning in caught:
        ours = "pydicom" not in Path(warning.filename).parts  # which complains of texts and dates
        if ours and not _HARMLESS.search(str(warning.message)):
            raise _refusal(path, kind, _complaint(str(warning.message)))
    return parsed


@contextmanager
def _quietly() -> Iterator[list[warnings.WarningMessage]]:
    """Keep what the packages would print or log, which may quote the patient, to ourselves."""
    logger = logging.getLogger("pydicom")
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        was, logger.disabled = logger.disabled, True
        try:
            yield caught
        finally:
            logger.disabled = was


def _complaint(message: str) -> str:
    """Return our sentence for a message of the packages."""
    found = (sentence for words, sentence in _COMPLAINTS if re.search(words, message))
    return next(found, _DAMAGED)


def _refusal(path: Path, kind: str, found: str) -> RecordError:
    return RecordError(path, found, f"a whole {kind} file of one ECG", "Export it again.")


# Bombs


def _refuse_bombs(path: Path, kind: str, limit: int) -> None:
    """Refuse a file that would take more time or memory than an ECG has a right to."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= limit and kind in _XML else b""
    except OSError as error:
        raise RecordError(path, str(error.strerror), "a file that can be read") from None
    if size > limit:
        raise RecordError(path, f"{size >> 20} MiB", f"a {kind} file of up to {limit >> 20} MiB")
    if data.count(b"<") + data.count(b"=") > _MAX_MARKUP:
        raise _refusal(path, kind, "more elements and attributes than an ECG has")
    declared = _DECLARED.search(data[:1000].replace(b"\0", b""))
    if declared and not _ENCODINGS.match(declared[1].decode("ascii", "replace")):
        # Some of Python's codecs, punycode for one, take hours over a few megabytes.
        raise _refusal(path, kind, "a text encoding that XML of ECGs has not")
    if kind == "Philips Sierra XML":
        try:
            unpacked = _unpacked_sierra(data)
        # The XML parser's own, and those of defusedxml, which refuses entities.
        except Exception as error:
            raise _refusal(path, kind, _complaint(f"{type(error).__name__} malformed")) from None
        if unpacked > _MAX_XLI:
            raise _refusal(path, kind, f"a waveform that unpacks to more than {_MAX_XLI >> 20} MiB")


def _unpacked_sierra(data: bytes) -> int:
    """Return how many bytes the compressed waveforms of a Sierra file unpack to.

    XLI is, for each lead, 8 bytes of which the first 4 are the size of the LZW stream that follows.
    The parser unpacks one wholly into memory, up to 600 times its size. What is not XLI, or is
    damaged, is left to the parser.
    """
    from defusedxml.ElementTree import fromstring

    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = data.decode("utf-16" if wide else "latin-1", "replace").removeprefix("ï»¿")
    total = 0
    for element in fromstring(_PROLOG.sub("", text, count=1)).iter():
        named = str(element.tag).rpartition("}")[2] == "parsedwaveforms"
        if named and any(value.strip().upper() == "XLI" for value in element.attrib.values()):
            total += _unpacked_xli("".join(element.itertext()))
    return total


def _unpacked_xli(text: str) -> int:
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return 0
    if len(data) * 8 // 10 > _MAX_XLI:  # a code is of 10 bits and at least a byte
        return len(data)
    total = place = 0
    while place + 8 <= len(data) and total <= _MAX_XLI:
        size = int.from_bytes(data[place : place + 4], "little", signed=True)
        if not 0 < size <= len(data) - place - 8:
            break
        total += _unpacked_lzw(data[place + 8 : place + 8 + size])
        place += 8 + size
    return total


def _unpacked_lzw(data: bytes) -> int:
    """Return the length of an LZW stream of 10-bit codes; each code adds one string to the table.

    T. A. Welch, A technique for high-performance data compression, Computer 17(6), 1984.
    """
    last = (1 << 10) - 2
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    codes = bits[: len(bits) // 10 * 10].reshape(-1, 10) @ (1 << np.arange(9, -1, -1, np.uint16))
    lengths = dict.fromkeys(range(256), 1)
    total = previous = 0
    following = 256
    for code in codes.tolist():
        if code > last or total > _MAX_XLI:
            break
        length = lengths.setdefault(code, previous + 1)
        if previous and following <= last:
            lengths[following] = previous + 1
            following += 1
        total, previous = total + length, length
    return total


def _refuse_deflated(path: Path) -> None:
    """Refuse a DICOM file compressed as a whole, which pydicom unpacks without a limit."""
    from pydicom.filereader import read_file_meta_info

    if read_file_meta_info(path).get("TransferSyntaxUID") == _DEFLATED:
        raise RecordError(
            path,
            "a deflated DICOM file",
            "one that is not compressed as a whole",
            "Convert it first, for example with dcmtk's 'dcmconv +te'.",
        )


# Leads


def _refuse_what_does_not_fit(parsed, path: Path, kind: str) -> None:
    """Refuse leads that cannot stand side by side, or are not what they seem."""
    leads = parsed.leads
    lengths = {len(lead.samples) for lead in leads}
    rates = {lead.sampling_rate for lead in leads}
    starts = {lead.annotations.get("start_sample", "1") for lead in leads}
    offsets = {lead.annotations.get("LeadTimeOffset", "0") for lead in leads}
    if not leads or lengths == {0}:
        raise _refusal(path, kind, "no samples")
    if len(lengths) > 1 or len(starts) > 1 or len(offsets) > 1:
        raise _refusal(path, kind, "leads of different length or start")
    if len(rates) > 1:
        raise _refusal(path, kind, "leads of different rates")
    labels = [re.sub(r"_\d+$", "", lead.label) for lead in leads]  # the package numbers doubles
    doubled = [name for name in LEADS if labels.count(name) > 1]
    if doubled:
        raise _refusal(path, kind, f"lead {', '.join(doubled)} more than once")
    unfit = [lead for lead in leads if _UNFIT.search(lead.annotations.get("channel_status", ""))]
    if unfit:
        raise _refusal(path, kind, "channels that it calls disconnected, invalid or uncalibrated")
    # XLI keeps four limb leads as differences, which the package undoes in this order only.
    packed = parsed.recording.acquisition.signal.compression.upper() == "XLI"
    if packed and tuple(labels[:6]) != LEADS[:6]:
        raise _refusal(path, kind, "compressed leads in an order that is not defined")


def _millivolts(lead, path: Path, kind: str) -> np.ndarray:
    """Return a lead's samples in mV, float64 (samples,); NaN where the file marks them missing."""
    unit = lead.resolution_unit if lead.is_raw else lead.units
    if unit not in _VOLTS:
        if lead.label not in LEADS:  # such as respiration, which is not used
            return np.full(len(lead.samples), np.nan)
        raise _refusal(path, kind, f"no unit of voltage for lead {lead.label}")
    scale, offset = (lead.resolution, lead.offset) if lead.is_raw else (1.0, 0.0)
    # EDF inverts a signal by giving the physical minimum and maximum the other way round.
    if not (np.isfinite([scale, offset]).all() and scale and (scale > 0 or kind == "EDF")):
        raise _refusal(path, kind, f"a scale of {scale:g} {unit} a count for lead {lead.label}")
    # DICOM alone has a mark for a missing sample; elsewhere NaN is a number that is none.
    if kind != "DICOM" and not np.isfinite(lead.samples).all():
        raise _refusal(path, kind, f"values that are no numbers in lead {lead.label}")
    return (lead.samples * scale + offset) * millivolts_per(unit, path)


def _with_derived_limb_leads(signal: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add the limb leads that I and II determine and the file leaves out.

    W. Einthoven, Pflügers Arch. 122 (1908); E. Goldberger, Am. Heart J. 23 (1942).
    """
    if not {"I", "II"} <= set(signal):
        return signal
    one, two = signal["I"], signal["II"]
    derived = {
        "III": two - one,
        "aVR": -(one + two) / 2,
        "aVL": one - two / 2,
        "aVF": two - one / 2,
    }
    return derived | signal


def _sampling_frequency(parsed) -> float:
    """Return the rate in Hz; the package rounds to whole numbers and keeps the exact one aside."""
    rate = parsed.leads[0].sampling_rate
    raw = parsed.raw_metadata
    groups = [g["sampling_frequency"] for g in raw.get("multiplex_groups", ())]  # DICOM
    exact = [
        *(frequency for frequency in groups if round(frequency) == rate),
        raw.get("rhythm_time", {}).get("sampling_rate_exact"),  # aECG
        raw.get("exact_sampling_rates", {}).get(parsed.leads[0].label),  # EDF
    ]
    interval = raw.get("rhythm_sample_interval_us")  # SCP-ECG, in whole microseconds
    if interval and abs(1e6 / rate - interval) > 0.5:
        exact.append(1e6 / interval)
    frequency = next((value for value in exact if value), rate)
    # A sample every 0.00390625 s is 256 Hz, and written with fewer digits still is.
    return float(rate if abs(frequency - rate) < 1e-3 else frequency)
