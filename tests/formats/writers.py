"""Writers of real files of each format, from counts, for tests and the fuzz.

DICOM through pydicom and EDF through edfio, which are not what reads them; the others byte by byte
after their specifications and the layout that the vendors' own exports have. Each takes ``counts``,
int (samples, leads), and writes whoever :data:`PATIENT` is wherever the format keeps the patient.
"""

import base64
import binascii
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecglens.record import LEADS

# What must never leave a file: none of these may stand in a record, a message or a log.
PATIENT = {
    "last": "Ostrowczyk",
    "first": "Wilhelmina",
    "id": "MRN70418265",
    "birth": "19470823",
}
EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")  # what many carts store


# CSV, NPY, NPZ


def write_csv(
    path: Path,
    counts: np.ndarray,
    *,
    rate: float = 500,
    leads: Sequence[str] = LEADS,
    unit: str | None = "uV",
    time: str | None = "s",
    delimiter: str = ",",
) -> Path:
    """Write counts as they are; with ``time`` a first column in that unit."""
    names = [f"{lead} [{unit}]" if unit else lead for lead in leads]
    header = [f"time [{time}]", *names] if time else names
    lines = [delimiter.join(header)]
    step = {"s": 1.0, "ms": 1e3, None: 0.0}[time] / rate
    for i, row in enumerate(np.asarray(counts).tolist()):
        cells = [f"{i * step:.6f}"] if time else []
        lines.append(delimiter.join([*cells, *map(str, row)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_npz(path: Path, counts: np.ndarray, *, rate: float = 500, leads=LEADS) -> Path:
    """Write microvolts with all that is known of them."""
    np.savez_compressed(
        path,
        signal=np.asarray(counts, np.int16),
        leads=np.array(leads),
        units=np.array("uV"),
        sampling_frequency=np.array(rate),
    )
    return path


# DICOM, as PS3.3 C.10.9 and PS3.16 CID 3001 have it


def write_dicom(path: Path, counts: np.ndarray, *, rate=500, leads=LEADS, scale=1.0) -> Path:
    """Write a 12-lead ECG object of int16 counts of ``scale`` microvolts."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.sequence import Sequence as Items
    from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid

    codes = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))

    def code(value, scheme, meaning):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
        return Items([item])

    channels = []
    for lead in leads:
        channel = Dataset()
        channel.ChannelSourceSequence = code(f"2:{codes[lead]}", "MDC", f"Lead {lead}")
        channel.ChannelSensitivity = scale
        channel.ChannelSensitivityUnitsSequence = code("uV", "UCUM", "microvolt")
        channel.ChannelSensitivityCorrectionFactor = 1
        channel.ChannelBaseline = 0
        channel.WaveformBitsStored = 16
        channels.append(channel)
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels = len(leads)
    group.NumberOfWaveformSamples = len(counts)
    group.SamplingFrequency = rate
    group.MultiplexGroupLabel = "RHYTHM"
    group.ChannelDefinitionSequence = Items(channels)
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.WaveformData = np.ascontiguousarray(counts, "<i2").tobytes()

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = TwelveLeadECGWaveformStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["test"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Modality = "ECG"
    data.PatientName = f"{PATIENT['last']}^{PATIENT['first']}"
    data.PatientID = PATIENT["id"]
    data.PatientBirthDate = PATIENT["birth"]
    data.AcquisitionDateTime = "20250102030405"
    data.WaveformSequence = Items([group])
    data.save_as(path, enforce_file_format=True)
    return path


# EDF


def write_edf(path: Path, counts: np.ndarray, *, rate=500, leads=LEADS, unit="uV") -> Path:
    """Write counts as they are, as EDF+C, in data records of one second."""
    import edfio

    limits = (-32768, 32767)
    signals = [
        edfio.EdfSignal(
            np.asarray(column, float), rate, label=f"ECG {lead}", physical_dimension=unit,
            physical_range=limits, digital_range=limits,
        )
        for lead, column in zip(leads, np.asarray(counts).T, strict=True)
    ]  # fmt: skip
    patient = edfio.Patient(code=PATIENT["id"], name=f"{PATIENT['last']}_{PATIENT['first']}")
    edfio.Edf(signals, patient=patient).write(path)
    return path


# HL7 aECG, as the implementation guide of 2005 has it


def write_aecg(path: Path, counts: np.ndarray, *, rate=500, leads=LEADS, scale=1.0) -> Path:
    """Write an annotated ECG of counts of ``scale`` microvolts."""
    parts = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}" '
        'codeSystem="2.16.840.1.113883.6.24" codeSystemName="MDC"/>'
        '<value xsi:type="SLIST_PQ"><origin value="0" unit="uV"/>'
        f'<scale value="{scale}" unit="uV"/><digits>{" ".join(map(str, column))}</digits>'
        "</value></sequence></component>\n"
        for lead, column in zip(leads, np.asarray(counts).T.tolist(), strict=True)
    )
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="61d1a24f-b47e-41aa-ae95-f8ac302f4eeb"/>
<code code="93000" codeSystem="2.16.840.1.113883.6.12" codeSystemName="CPT-4"/>
<effectiveTime><center value="20250102030405"/></effectiveTime>
<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>
<id root="2.16.840.1.113883.3.400" extension="{PATIENT["id"]}"/>
<subjectDemographicPerson><name>{PATIENT["last"]} {PATIENT["first"]}</name>
<birthTime value="{PATIENT["birth"]}"/></subjectDemographicPerson>
</trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>
<component><series><code code="RHYTHM" codeSystem="2.16.840.1.113883.5.4"/>
<component><sequenceSet>
<component><sequence><code code="TIME_ABSOLUTE" codeSystem="2.16.840.1.113883.5.4"/>
<value xsi:type="GLIST_TS"><head value="20250102030405.000"/>
<increment value="{1 / rate:.10g}" unit="s"/></value></sequence></component>
{parts}</sequenceSet></component></series></component></AnnotatedECG>
"""
    path.write_text(text, encoding="utf-8")
    return path


# GE MUSE


def write_muse(
    path: Path, counts: np.ndarray, *, rate=500, leads=LEADS, scale=4.88, checksums=True
) -> Path:
    """Write a MUSE export of counts of ``scale`` microvolts, with a median beat before it."""

    def waveform(kind, values):
        return (
            f"<Waveform><WaveformType>{kind}</WaveformType><WaveformStartTime>0</WaveformStartTime>"
            f"<NumberofLeads>{len(leads)}</NumberofLeads><SampleType>CONTINUOUS_SAMPLES"
            f"</SampleType><SampleBase>{rate}</SampleBase><SampleExponent>0</SampleExponent>\n"
            + "".join(lead(name, column) for name, column in zip(leads, values.T, strict=True))
            + "</Waveform>\n"
        )

    def lead(name, column):
        data = np.ascontiguousarray(column, "<i2").tobytes()
        checksum = f"<LeadDataCRC32>{zlib.crc32(data)}</LeadDataCRC32>" if checksums else ""
        return (
            f"<LeadData><LeadByteCountTotal>{len(data)}</LeadByteCountTotal><LeadTimeOffset>0"
            f"</LeadTimeOffset><LeadSampleCountTotal>{len(column)}</LeadSampleCountTotal>"
            f"<LeadAmplitudeUnitsPerBit>{scale}</LeadAmplitudeUnitsPerBit>"
            f"<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadID>{name}</LeadID>"
            "<LeadOffsetFirstSample>0</LeadOffsetFirstSample><FirstSampleBaseline>0"
            "</FirstSampleBaseline><LeadSampleSize>2</LeadSampleSize><LeadOff>FALSE</LeadOff>"
            f"{checksum}<WaveFormData>{_lines(data)}</WaveFormData></LeadData>\n"
        )

    counts = np.asarray(counts)
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        '<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG>\n'
        "<MuseInfo><MuseVersion>9.0.9.18167</MuseVersion></MuseInfo>\n"
        f"<PatientDemographics><PatientID>{PATIENT['id']}</PatientID><PatientLastName>"
        f"{PATIENT['last']}</PatientLastName><PatientFirstName>{PATIENT['first']}"
        f"</PatientFirstName><DateofBirth>{PATIENT['birth']}</DateofBirth></PatientDemographics>\n"
        "<TestDemographics><DataType>RESTING</DataType></TestDemographics>\n"
        + waveform("Median", counts[: max(1, rate // 2)])
        + waveform("Rhythm", counts)
        + "</RestingECG>\n"
    )
    path.write_text(text, encoding="latin-1")
    return path


# Philips Sierra


def write_sierra(
    path: Path, counts: np.ndarray, *, rate=500, leads=LEADS, scale=5, version="1.04", xli=True
) -> Path:
    """Write a Sierra export of counts of ``scale`` microvolts.

    Version 1.03 names the lead set, later ones each lead. With ``xli`` the waveform is compressed,
    for which ``leads`` must be :data:`LEADS`.
    """
    counts = np.asarray(counts)
    data = _xli(counts) if xli else np.ascontiguousarray(counts.T, "<i2").tobytes()
    packed = 'compressflag="True" compressmethod="XLI"' if xli else 'compressflag="False"'
    named = f'leadlabels="{" ".join(leads)} " numberofleads="{len(leads)}"'
    named = "" if version == "1.03" else named
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<restingecgdata xmlns="http://www3.medical.philips.com">
<documentinfo><documentname>a.xml</documentname><documenttype>SierraECG</documenttype>
<documentversion>{version}</documentversion></documentinfo>
<dataacquisition date="2025-01-02" time="03:04:05"><signalcharacteristics>
<samplingrate>{rate}</samplingrate><signalresolution>{scale}</signalresolution>
<acquisitiontype>STD-12</acquisitiontype><bitspersample>16</bitspersample>
<signaloffset>0</signaloffset><signalsigned>True</signalsigned>
<numberchannelsallocated>{len(leads)}</numberchannelsallocated>
<numberchannelsvalid>{len(leads)}</numberchannelsvalid></signalcharacteristics></dataacquisition>
<patient><generalpatientdata><patientid>{PATIENT["id"]}</patientid>
<name><lastname>{PATIENT["last"]}</lastname><firstname>{PATIENT["first"]}</firstname></name>
<age><dateofbirth>{PATIENT["birth"]}</dateofbirth></age></generalpatientdata></patient>
<waveforms><parsedwaveforms dataencoding="Base64" {packed} {named}
durationperchannel="{1000 * len(counts) / rate:g}">
{_lines(data)}
</parsedwaveforms></waveforms></restingecgdata>
"""
    path.write_text(text, encoding="utf-8")
    return path


def _xli(counts: np.ndarray) -> bytes:
    """Return counts as XLI: residuals of the limb leads, second differences, LZW of 10 bits."""
    columns = list(np.asarray(counts, int).T.copy())
    one, two, three = columns[:3]
    derived = (two - one, -((one + two) // 2), (one - three) // 2, (two + three) // 2)
    columns[2:6] = [whole - lead for whole, lead in zip(derived, columns[2:6], strict=True)]
    return b"".join(map(_xli_chunk, columns))


def _xli_chunk(column: np.ndarray) -> bytes:
    """Return one lead: its size, a start value, and its packed differences.

    The reader works out x[n] = 2 x[n-1] - x[n-2] - last, and last = code[n] - 64 for the next one.
    """
    codes = column.copy()
    after = 2 * column[1:-1] - column[:-2] - column[2:]  # what has to be "last" at each n >= 2
    codes[2:-1] = after[1:] + 64
    codes[-1] = 64
    words = codes.astype(np.int16).view(np.uint16)
    packed = _lzw(
        (words >> 8).astype(np.uint8).tobytes() + (words & 255).astype(np.uint8).tobytes()
    )
    start = int(after[0]) if len(after) else 0
    return struct.pack("<ihh", len(packed), 0, start) + packed


def _lzw(data: bytes) -> bytes:
    """Return an LZW stream of 10-bit codes whose table stops growing when it is full."""
    table = {bytes([i]): i for i in range(256)}
    codes, word = [], b""
    for byte in data:
        longer = word + bytes([byte])
        if longer in table:
            word = longer
            continue
        codes.append(table[word])
        if len(table) < (1 << 10) - 1:
            table[longer] = len(table)
        word = bytes([byte])
    codes.append(table[word])
    bits = "".join(f"{code:010b}" for code in codes)
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


# SCP-ECG, EN 1064


def write_scp(
    path: Path, counts: np.ndarray, *, rate=500, leads=EIGHT, scale=1000, huffman=True, order=2
) -> Path:
    """Write an SCP-ECG record of counts of ``scale`` nanovolts.

    Parameters
    ----------
    huffman : bool
        Code the values with the standard's own table.
    order : int
        Of the differences that are stored: 0, 1 or 2.
    """
    codes = dict(
        zip((*EIGHT, "III", "aVR", "aVL", "aVF"), (*range(1, 9), 61, 62, 63, 64), strict=True)
    )
    tags = ((2, PATIENT["id"]), (0, PATIENT["last"]), (1, PATIENT["first"]))
    patient = b"".join(
        struct.pack("<BH", tag, len(text) + 1) + text.encode() + b"\0" for tag, text in tags
    )
    born = PATIENT["birth"]
    birth = struct.pack("<BHHBB", 5, 4, int(born[:4]), int(born[4:6]), int(born[6:]))
    ranges = b"".join(struct.pack("<IIB", 1, len(counts), codes[lead]) for lead in leads)
    columns = [_differences(column, order) for column in np.asarray(counts, int).T]
    parts = [_huffman(c) if huffman else c.astype("<i2").tobytes() for c in columns]
    parts = [part + b"\0" * (len(part) % 2) for part in parts]
    rhythm = struct.pack("<HHBB", scale, round(1e6 / rate), order, 0)
    rhythm += b"".join(struct.pack("<H", len(part)) for part in parts) + b"".join(parts)
    bodies = {
        1: patient + birth + struct.pack("<BH", 255, 0),
        **({2: struct.pack("<H", 19999)} if huffman else {}),
        3: struct.pack("<BB", len(leads), 0x04 | len(leads) << 3) + ranges,
        6: rhythm,
    }
    path.write_bytes(_scp_file(bodies))
    return path


def _scp_file(bodies: dict[int, bytes]) -> bytes:
    """Return a whole record of sections: pointers first, each section with its CRC."""
    sections, pointers = b"", b""
    place = 7 + 16 + 120  # the first byte after section 0, counted from 1
    for number in range(1, 12):
        body = bodies.get(number, b"")
        section = _scp_section(number, body + b"\0" * (len(body) % 2)) if body else b""
        pointers += struct.pack("<HII", number, len(section), place if section else 0)
        sections, place = sections + section, place + len(section)
    first = struct.pack("<HII", 0, 136, 7) + pointers
    content = _scp_section(0, first, b"SCPECG") + sections
    sized = struct.pack("<I", 6 + len(content)) + content
    return struct.pack("<H", binascii.crc_hqx(sized, 0xFFFF)) + sized


def _scp_section(number: int, body: bytes, reserved: bytes = b"\0" * 6) -> bytes:
    content = struct.pack("<HIBB", number, 16 + len(body), 20, 20) + reserved + body
    return struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content


def _differences(column: np.ndarray, order: int) -> np.ndarray:
    values = column.copy()
    if order == 1:
        values[1:] = np.diff(column)
    elif order == 2:
        values[2:] = np.diff(column, 2)
    return values


def _huffman(values: np.ndarray) -> bytes:
    """Return values in the standard's default table: short codes up to 8, else 8 or 16 bits."""

    def code(value):
        if value == 0:
            return "0"
        if abs(value) <= 8:
            return "1" * abs(value) + "0" + ("1" if value < 0 else "0")
        if -128 <= value <= 127:
            return "1111111110" + f"{value & 0xFF:08b}"
        return "1111111111" + f"{value & 0xFFFF:016b}"

    bits = "".join(map(code, values.tolist()))
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def _lines(data: bytes) -> str:
    """Return Base64 in lines of 76 characters, as exports have it."""
    with io.BytesIO() as out:
        base64.encode(io.BytesIO(data), out)
        return out.getvalue().decode().strip()
