"""Bad files in any format: each a clear error, soon, and without the patient in it."""

import binascii
import io
import os
import pickle
import re
import struct
import sys
import time
import zipfile
import zlib

import numpy as np
import pytest
import writers

from ecglens import formats
from ecglens.errors import RecordError
from ecglens.record import LEADS

COUNTS = np.random.default_rng(1).integers(-40, 40, (200, 12)).cumsum(axis=0)
GIVEN = {"sampling_frequency": 500.0, "units": "uV", "leads": LEADS}
XML = {
    "aecg": writers.write_aecg,
    "muse": writers.write_muse,
    "sierra": writers.write_sierra,
}
WRITE = {
    "csv": writers.write_csv,
    "npz": writers.write_npz,
    "dcm": writers.write_dicom,
    "edf": lambda path, counts: writers.write_edf(path, counts, rate=100),
    "scp": lambda path, counts: writers.write_scp(path, counts, leads=LEADS),
    **XML,
}
SECONDS = 60  # after which a refusal counts as a hang; one takes milliseconds


def sound(folder, name):
    """Write a sound file in a format and return its path."""
    return WRITE[name](folder / f"a.{'xml' if name in XML else name}", COUNTS)


def refused(path, match="", **given):
    """Check that a file is refused as an error should be, and return the message."""
    start = time.perf_counter()
    with pytest.raises(RecordError, match=match) as caught:
        formats.read(path, **given)
    assert time.perf_counter() - start < SECONDS
    message = str(caught.value)
    assert str(path) in message and "; expected " in message
    assert not [value for value in writers.PATIENT.values() if value in message]
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


def change(path, old, new, count=1):
    """Replace bytes that must be there."""
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, count))
    return path


# Every format


@pytest.mark.parametrize("name", WRITE)
def test_an_empty_file(tmp_path, name):
    path = sound(tmp_path, name)
    path.write_bytes(b"")
    refused(path)


@pytest.mark.parametrize("name", WRITE)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut(tmp_path, name, part):
    path = sound(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    refused(path)


@pytest.mark.parametrize("ending", ["csv", "npy", "npz", "dcm", "xml", "scp", "edf", "", "pdf"])
def test_random_bytes_under_any_ending(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    refused(path)


@pytest.mark.parametrize("name", ["a.csv", "a.xml", "a.dcm", "a.npz", "a.edf", "a.scp", "a.npy"])
def test_a_file_that_is_not_there_and_a_folder(tmp_path, name):
    refused(tmp_path / name, "found no such file")
    (tmp_path / name).mkdir()
    refused(tmp_path / name, "found no such file")


@pytest.mark.parametrize("name", ["a\0b.csv", "a" * 5000 + ".csv", "a" * 5000])
def test_a_name_that_no_file_can_have(tmp_path, name):
    with pytest.raises(RecordError):
        formats.read(tmp_path / name)


def test_a_file_that_may_not_be_read(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    path = sound(tmp_path, "csv")
    path.chmod(0)
    refused(path, "Permission denied")


@pytest.mark.parametrize("name", ["dcm", "edf", "scp", *XML])
def test_a_file_larger_than_any_ecg_is_not_even_read(tmp_path, name):
    path = sound(tmp_path, name)
    os.truncate(path, 5 << 30)  # sparse: it takes no space
    refused(path, r"found 5120 MiB; expected a .* file of up to \d+ MiB")


@pytest.mark.parametrize("name", ["csv", "npz"])
def test_an_array_larger_than_any_ecg_is_read_no_further(tmp_path, name):
    path = sound(tmp_path, name)
    os.truncate(path, 5 << 30)
    refused(path, "found more than 64 MiB")


@pytest.mark.parametrize("name", ["dcm", "edf", "scp", *XML])
def test_without_the_extra_the_error_says_what_to_install(tmp_path, monkeypatch, name):
    path = sound(tmp_path, name)
    for module in [m for m in sys.modules if m.split(".")[0] == "ecgdatakit"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "ecgdatakit", None)
    refused(path, r"found no package ecgdatakit.*pip install 'ecglens\[formats\]'")


# XML


ENTITIES = "\n".join(
    f'<!ENTITY {new} "{f"&{old};" * 30}">' for old, new in zip("abcdefgh", "bcdefghz", strict=True)
)
BOMB = f"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "lollollollollollollollollollollol">
{ENTITIES}
]><ROOT><PatientID>&z;</PatientID></ROOT>
"""
ROOTS = ["AnnotatedECG", "RestingECG", "restingecgdata"]


@pytest.mark.parametrize("root", ROOTS)
def test_an_xml_bomb(tmp_path, root):
    path = tmp_path / "a.xml"
    path.write_text(BOMB.replace("ROOT", root))
    refused(path, "XML entities, as an XML bomb has")


@pytest.mark.parametrize("root", ROOTS)
def test_an_entity_that_would_read_another_file(tmp_path, root):
    (tmp_path / "secret").write_text("the secret")
    path = tmp_path / "a.xml"
    path.write_text(
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY s SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
        f"<{root}><documentinfo><documenttype>&s;</documenttype></documentinfo></{root}>"
    )
    assert "the secret" not in refused(path, "XML entities")


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize("encoding", ["punycode", "idna", "utf-7", "unicode_escape", "zlib", "x"])
def test_a_text_encoding_that_no_cart_writes(tmp_path, name, encoding):
    path = sound(tmp_path, name)
    head = path.read_text().split("?>")[0]
    change(path, head.encode(), f'<?xml version="1.0" encoding="{encoding}"'.encode())
    refused(path, "a text encoding that XML of ECGs has not")


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("depth", [50_000, 1_000_000])
def test_elements_in_elements_without_end(tmp_path, root, depth):
    path = tmp_path / "a.xml"
    path.write_text(f"<{root}>" + "<a>" * depth + "</a>" * depth + f"</{root}>")
    refused(path, "more elements and attributes" if depth > 10**5 else "")


@pytest.mark.parametrize("root", ROOTS)
def test_attributes_without_end(tmp_path, root):
    path = tmp_path / "a.xml"
    path.write_text(f"<{root} " + " ".join(f'a{i}=""' for i in range(400_000)) + "/>")
    refused(path, "more elements and attributes")


@pytest.mark.parametrize("name", XML)
def test_xml_of_another_root(tmp_path, name):
    path = tmp_path / "a.xml"
    path.write_text("<?xml version='1.0'?><html><body>RestingECG</body></html>")
    refused(
        path, "content of no format that is known; expected a file in the format HL7 aECG or GE"
    )


def test_a_compressed_sierra_waveform_that_unpacks_to_gigabytes(tmp_path):
    path = sound(tmp_path, "sierra")
    zeros = _lzw_of_zeros(60_000)
    chunk = struct.pack("<ihh", len(zeros), 0, 0) + zeros
    text = writers._lines(chunk * 12)
    path.write_text(
        re.sub(r"(<parsedwaveforms[^>]*>)[^<]*", lambda m: m[1] + text, path.read_text())
    )
    assert path.stat().st_size < 2 << 20
    refused(path, "a waveform that unpacks to more than 4 MiB")


def _lzw_of_zeros(codes):
    """Return a stream of ever longer runs of zero: each code is the one that is just being made."""
    values = [0, *range(256, 1023)]
    values += [1022] * (codes - len(values))
    bits = np.array([[value >> i & 1 for i in range(9, -1, -1)] for value in values], np.uint8)
    return np.packbits(bits).tobytes()


# Archives and pickles


def npz(path, **members):
    """Write an archive of raw members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return path


def npy(array=None, *, header=None, body=b""):
    """Return an NPY file's bytes, of an array or with a header of one's own."""
    if header is None:
        file = io.BytesIO()
        np.save(file, array)
        return file.getvalue()
    text = header.encode() + b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + body


def test_a_zip_bomb(tmp_path):
    zeros = npy(np.zeros((3 << 20, 12), np.int16))
    path = npz(tmp_path / "a.npz", **{"signal.npy": zeros})
    assert path.stat().st_size < 1 << 20 < len(zeros)
    refused(path, "found more than 64 MiB", **GIVEN)


def test_a_zip_bomb_whose_directory_says_that_it_is_small(tmp_path):
    path = npz(tmp_path / "a.npz", **{"signal.npy": npy(np.zeros((3 << 20, 12), np.int16))})
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\1\2")
    struct.pack_into("<I", data, place + 24, 1000)
    path.write_bytes(data)
    refused(path, **GIVEN)


@pytest.mark.parametrize("name", ["..__..__signal.npy", "__etc__signal.npy", "signal", "other.npy"])
def test_an_archive_with_names_that_lead_elsewhere(tmp_path, name):
    path = npz(tmp_path / "a.npz", **{"signal.npy": npy(COUNTS), name: npy(COUNTS)})
    refused(path, "members other than expected; expected the array signal", **GIVEN)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_a_name_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("signal.npy", npy(COUNTS))
        archive.writestr("signal.npy", npy(-COUNTS))
    refused(tmp_path / "a.npz", "2 members other than expected", **GIVEN)


class _Trap:
    def __reduce__(self):
        return (open, ("/tmp/must-not-exist", "w"))


@pytest.mark.parametrize("kind", ["array of objects", "pickle", "npz", "fields"])
def test_nothing_is_unpickled(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "load", None)
    path = tmp_path / "a.npy"
    objects = np.full((5, 12), _Trap(), object)
    if kind == "pickle":
        path.write_bytes(pickle.dumps(_Trap()))
        refused(path, "content of no format that is known", **GIVEN)
        return
    if kind == "fields":
        header = "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (5, 12)}"
        path.write_bytes(npy(header=header, body=b"\0" * 480))
    elif kind == "npz":
        path = tmp_path / "a.npz"
        np.savez(path, signal=objects)
    else:
        np.save(path, objects)
    refused(path, "pickled Python objects; expected an array of numbers", **GIVEN)


# A billion samples


@pytest.mark.parametrize(
    "shape", ["(1000000000, 12)", "(9223372036854775807, 12)", "(-1, 12)", "(0, 12)", "(2, -100)"]
)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_an_array_that_declares_what_it_has_not(tmp_path, shape, ending):
    header = f"{{'descr': '<i2', 'fortran_order': False, 'shape': {shape}}}"
    data = npy(header=header, body=b"\0" * 240)
    path = tmp_path / f"a.{ending}"
    if ending == "npy":
        path.write_bytes(data)
    else:
        npz(path, **{"signal.npy": data})
    refused(path, r"found 240 bytes; expected -?\d+ values of int16", **GIVEN)


@pytest.mark.parametrize("header", ["{'descr': '<i2'}", "[]", "{", "x" * 9000, "__import__('os')"])
def test_an_array_with_a_damaged_header(tmp_path, header):
    (tmp_path / "a.npy").write_bytes(npy(header=header, body=b"\0" * 240))
    refused(tmp_path / "a.npy", "a damaged NPY header", **GIVEN)


def _scp_with_a_billion_samples(path):
    data = bytearray(path.read_bytes())
    place = data.find(struct.pack("<IIB", 1, len(COUNTS), 1))
    struct.pack_into("<I", data, place + 4, 10**9)
    sections = struct.unpack_from("<120s", data, 32)[0]
    for i in range(0, 110, 10):  # all checksums are right again
        number, length, index = struct.unpack_from("<HII", sections, i)
        if number == 3 and length:
            body = bytes(data[index + 1 : index - 1 + length])
            struct.pack_into("<H", data, index - 1, _crc(body))
    struct.pack_into("<H", data, 0, _crc(bytes(data[2:])))
    path.write_bytes(data)


def _crc(data):
    return binascii.crc_hqx(data, 0xFFFF)


def test_scp_that_declares_a_billion_samples(tmp_path):
    path = sound(tmp_path, "scp")
    _scp_with_a_billion_samples(path)
    refused(path, "data that is cut short, or other than it declares|cannot be parsed")


def test_dicom_that_declares_a_billion_samples(tmp_path):
    path = sound(tmp_path, "dcm")
    change(
        path, b"\x3a\0\x10\0UL\4\0" + struct.pack("<I", 200), b"\x3a\0\x10\0UL\4\0\0\xca\x9a\x3b"
    )
    refused(path, "data that is cut short, or other than it declares")


def test_edf_that_declares_a_hundred_million_records(tmp_path):
    path = sound(tmp_path, "edf")
    data = path.read_bytes()
    path.write_bytes(data[:236] + b"99999999" + data[244:])
    refused(path, "data that is cut short, or other than it declares")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("muse", b"<LeadSampleCountTotal>200<", b"<LeadSampleCountTotal>1000000000<"),
        ("muse", b"<LeadByteCountTotal>400<", b"<LeadByteCountTotal>2000000000<"),
        ("sierra", b'durationperchannel="400"', b'durationperchannel="2e12"'),
    ],
)
def test_xml_that_declares_a_billion_samples(tmp_path, name, old, new):
    path = change(sound(tmp_path, name), old, new, count=-1)
    refused(path, "data that is cut short, or other than it declares")


def test_a_dicom_file_that_is_compressed_as_a_whole(tmp_path):
    path = sound(tmp_path, "dcm")
    plain, deflated = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"
    data = path.read_bytes()
    place = data.find(plain)
    length = place - 2
    assert struct.unpack_from("<H", data, length) == (20,)
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(b"\0" * (200 << 20)) + packer.flush()
    meta = data[:length] + struct.pack("<H", 22) + deflated + data[place + 20 : place + 400]
    start = struct.unpack_from("<I", data, 140)[0]
    meta = meta[:140] + struct.pack("<I", start + 2) + meta[144 : 144 + start + 2]
    path.write_bytes(meta + body)
    refused(path, "found a deflated DICOM file")


# Checksums, and what the parser only warns of


@pytest.mark.parametrize("place", [100, 700, 2000, -3])
def test_one_wrong_bit_in_an_scp_file_is_noticed(tmp_path, place):
    path = sound(tmp_path, "scp")
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    refused(path)


def test_one_wrong_sample_in_a_muse_file_is_noticed(tmp_path):
    path = sound(tmp_path, "muse")
    text = path.read_text("latin-1")
    place = text.rfind("<WaveFormData>") + 40
    other = "B" if text[place] != "B" else "C"
    path.write_text(text[:place] + other + text[place + 1 :], "latin-1")
    refused(path, "a checksum that does not match its data")


def test_an_edf_file_of_fewer_records_than_declared_is_not_read_in_part(tmp_path):
    path = writers.write_edf(tmp_path / "a.edf", np.tile(COUNTS, (10, 1)), rate=200)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 200 * 12 * 2 * 3])
    refused(path, "data that is cut short")


@pytest.mark.parametrize("tag", ["FirstSampleBaseline", "LeadOffsetFirstSample", "LeadTimeOffset"])
def test_an_offset_that_muse_does_not_define_is_not_ignored(tmp_path, tag):
    path = sound(tmp_path, "muse")
    text = path.read_text("latin-1")
    here = text.rfind(f"<{tag}>0<")
    path.write_text(text[:here] + f"<{tag}>12<" + text[here + len(tag) + 4 :], "latin-1")
    refused(path, "an offset of the first sample|leads of different length or start")


@pytest.mark.parametrize("name", ["aecg", "muse"])
def test_a_second_tracing_is_not_left_out_silently(tmp_path, name):
    path = sound(tmp_path, name)
    text = path.read_text("latin-1")
    tag = {"aecg": "component><series", "muse": "Waveform><WaveformType>Rhythm"}[name]
    end = {"aecg": "</series></component>", "muse": "</Waveform>"}[name]
    start = text.index(f"<{tag}")
    stop = text.index(end, start) + len(end)
    path.write_text(text[:stop] + text[start:stop] + text[stop:], "latin-1")
    refused(path, "more than one tracing")


# Leads, units, scale


UNITS = {
    "dcm": (b"uV", b"xx"),
    "edf": (b"uV      ", b"        "),
    "aecg": (b' unit="uV"/><digits', b"/><digits"),
    "muse": (b"MICROVOLTS", b"FURLONGS"),
    "sierra": (b"<signalresolution>5</signalresolution>", b""),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_file_that_says_no_unit_of_voltage(tmp_path, name):
    path = sound(tmp_path, name)
    if name == "dcm":
        path.write_bytes(path.read_bytes().replace(b"microvolt ", b"furlongs  "))
    refused(change(path, *UNITS[name], count=-1), r"no unit of voltage for lead I\b|a part that")


def test_an_scp_file_without_a_scale(tmp_path):
    path = writers.write_scp(tmp_path / "a.scp", COUNTS, leads=LEADS, scale=0)
    refused(path)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("aecg", b'<scale value="1.0"', b'<scale value="0"'),
        ("aecg", b'<scale value="1.0"', b'<scale value="-1"'),
        ("muse", b"UnitsPerBit>4.88<", b"UnitsPerBit>0<"),
        ("muse", b"UnitsPerBit>4.88<", b"UnitsPerBit>-4.88<"),
        ("muse", b"UnitsPerBit>4.88<", b"UnitsPerBit>nan<"),
        ("muse", b"UnitsPerBit>4.88<", b"UnitsPerBit>inf<"),
    ],
)
def test_a_scale_that_flattens_or_inverts(tmp_path, name, old, new):
    refused(
        change(sound(tmp_path, name), old, new, count=-1), "a scale of .* uV a count for lead I"
    )


@pytest.mark.parametrize("name", ["aecg", "muse"])
def test_millivolts_that_no_heart_makes(tmp_path, name):
    old = {"aecg": b'<scale value="1.0"', "muse": b"UnitsPerBit>4.88<"}[name]
    new = old.replace(b"1.0", b"99999").replace(b"4.88", b"99999")
    refused(
        change(sound(tmp_path, name), old, new, count=-1), r"expected values within ±32\.767 mV"
    )


def test_a_scale_with_a_comma_is_the_one_that_a_german_muse_means(tmp_path):
    path = sound(tmp_path, "muse")
    expected = formats.read(path).signal
    assert np.allclose(formats.read(change(path, b">4.88<", b">4,88<", count=-1)).signal, expected)


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("dcm", b"2:61", b"2:62", "lead aVR more than once"),
        ("aecg", b"LEAD_III", b"LEAD_II", "lead II more than once"),
        ("muse", b"<LeadID>V6<", b"<LeadID>V5<", "lead V5 more than once"),
        ("edf", b"ECG V6", b"ECG V5", "lead V5 more than once"),
        ("aecg", b"LEAD_V6", b"LEAD_V9", "leads, without V6"),
        ("edf", b"ECG V6", b"ECG X6", "leads, without V6"),
        ("edf", b"ECG II ", b"ECG XX ", "leads, without II"),
    ],
)
def test_leads_that_are_not_the_twelve(tmp_path, name, old, new, found):
    refused(change(sound(tmp_path, name), old, new, count=-1), found)


def test_leads_of_different_lengths(tmp_path):
    path = sound(tmp_path, "aecg")
    change(path, b"<digits>", b"<digits>0 ")
    refused(path, "leads of different length or start")


def test_compressed_sierra_leads_in_another_order_are_not_taken_for_residuals(tmp_path):
    path = sound(tmp_path, "sierra")
    change(path, b'leadlabels="I II III', b'leadlabels="II I III')
    refused(path, "compressed leads in an order that is not defined")


def test_numbers_that_are_none_in_an_aecg_file(tmp_path):
    path = sound(tmp_path, "aecg")
    text = path.read_text()
    place = text.index("<digits>") + 8
    for word in ("nan", "inf", "-inf", "1e400"):
        rest = text[place:].split(" ", 1)[1]
        path.write_text(f"{text[:place]}{word} {rest}")
        refused(path, "values that are no numbers in lead I|digits|declares")


@pytest.mark.parametrize("status", ["DISCONNECTED", "INVALID", "UNCALIBRATED", "TEST DATA"])
def test_a_dicom_channel_that_is_called_unfit(tmp_path, status):
    import pydicom

    path = sound(tmp_path, "dcm")
    data = pydicom.dcmread(path)
    data.WaveformSequence[0].ChannelDefinitionSequence[3].ChannelStatus = ["OK", status]
    data.save_as(path)
    refused(path, "channels that it calls disconnected, invalid or uncalibrated")


# CSV


def csv(folder, text):
    path = folder / "a.csv"
    path.write_text(text)
    return path


HEADER = ",".join(f"{lead} [mV]" for lead in LEADS)
ROW = ",".join(["0.125"] * 12)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HEADER.replace(",", ";") + "\n" + ROW.replace(",", ";").replace(".", ",") + "\n",
         "a cell in line 2 that is no number.*Write decimals with a point"),
        (HEADER + "\n" + ROW.replace(".", ",") + "\n",
         "found 24 values in line 2; expected 12.*Write decimals with a point"),
        (HEADER + "\n" + ",".join(['"0,125"'] * 12) + "\n", "a cell in line 2 that is no number"),
        (HEADER.replace(",", "\t") + "\n" + ROW.replace(",", "\t").replace(".", ",") + "\n",
         "a cell in line 2 that is no number"),
        (HEADER.replace(",", ";") + "\n" + ROW.replace(",", ";").replace("0.125", "1.250.000")
         + "\n", "a cell in line 2 that is no number"),
    ],
)  # fmt: skip
def test_commas_for_decimals_and_separators_of_thousands(tmp_path, text, found):
    refused(csv(tmp_path, text), found, sampling_frequency=500)


@pytest.mark.parametrize(
    "cell",
    ["1_000", "infinity", "-inf", "1e999", "٣", "0x10", "1,5", "--1", "1-2", "eEe", "NA", "?"],
)
def test_cells_that_only_look_like_numbers(tmp_path, cell):
    text = HEADER.replace(",", ";") + "\n" + ";".join([cell, *["0"] * 11]) + "\n"
    refused(
        csv(tmp_path, text), "a cell in line 2 that is no number|inf mV", sampling_frequency=500
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{ROW}\n{ROW}\n", "names that are no lead's in the header, column 1, 2, 3"),
        (f",{HEADER}\n0,{ROW}\n", "names that are no lead's in the header, column 1;"),
        (f"{HEADER},age\n{ROW},57\n", "column 13;.*Write no row numbers and no other columns"),
        (f"{HEADER},I [mV]\n{ROW},0.1\n", "lead I more than once"),
        (HEADER.replace("V6", "V5") + f"\n{ROW}\n", "lead V5 more than once"),
        ("I [mV],II [mV]\n0,0\n", "found 2 columns in its first line"),
        (f"{HEADER}\n", "no row below the header"),
        ("\n", "found 0 columns"),
        (f"{HEADER}\n{ROW}\n\n{ROW}\n", "found 0 values in line 3; expected 12"),
        (f"{HEADER}\n{ROW},1\n", "found 13 values in line 2; expected 12"),
        (f"{HEADER}\n{ROW}\n{ROW}", "a last line without an end"),
        (f"{HEADER}\n{ROW}\n{ROW[:-2]}", "a last line without an end"),
        (f'{HEADER}\n"{ROW}\n', "line 2"),
        (f"{HEADER}\n{ROW[:-1]}\0\n", "a cell in line 2 that is no number"),
        (HEADER.replace("mV", "kV") + f"\n{ROW}\n", "the unit 'kV'"),
        (HEADER.replace(" [mV]", "") + f"\n{ROW}\n", "found no units of lead I.*It is not guessed"),
        (HEADER.replace("V6 [mV]", "V6") + f"\n{ROW}\n", "found no units of lead V6"),
        (HEADER + "\n" + ROW.replace("0.125", "4000") + "\n", r"a peak of 4000\.0 mV"),
    ],
)  # fmt: skip
def test_a_csv_file_of_another_layout(tmp_path, text, found):
    refused(csv(tmp_path, text), found, sampling_frequency=500)


def test_a_csv_file_without_a_rate_and_one_that_says_another(tmp_path):
    refused(csv(tmp_path, f"{HEADER}\n{ROW}\n"), "found no rate; expected the rate in the file or")
    path = writers.write_csv(tmp_path / "b.csv", COUNTS, rate=500)
    refused(path, r"found the rate 500\.0; expected 250, as given", sampling_frequency=250)
    refused(path, "found the units of lead I uV; expected mV, as given", units="mV")
    refused(path, "found the leads I II .*; expected V6 V5", leads=LEADS[::-1])


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ("0 0.002 0.004 0.008 0.010", "uneven steps"),  # a row is missing
        ("0 0.002 0.002 0.004 0.006", "uneven steps"),  # a row stands twice
        ("0 0.004 0.002 0.006 0.008", "uneven steps"),
        ("0 0 0 0 0", "uneven steps"),
        ("4 3 2 1 0", "uneven steps"),
        ("0 0.002 nan 0.006 0.008", "uneven steps"),
        ("0", "uneven steps"),
    ],
)
def test_a_time_column_that_gives_no_rate(tmp_path, times, found):
    rows = "".join(f"{time},{ROW}\n" for time in times.split())
    refused(csv(tmp_path, f"time [s],{HEADER}\n{rows}"), f"found {found} in the time column")


@pytest.mark.parametrize("name", ["time", "time [min]", "time [samples]", "Time []"])
def test_a_time_column_without_a_known_unit(tmp_path, name):
    rows = "".join(f"{time},{ROW}\n" for time in range(5))
    refused(csv(tmp_path, f"{name},{HEADER}\n{rows}"), "a time column of another or no unit")


def test_a_header_in_place_of_which_the_patient_stands_is_not_quoted(tmp_path):
    text = f"{writers.PATIENT['last']};{writers.PATIENT['id']};" + ";".join("x" * 11) + "\n0\n"
    refused(csv(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_csv_file_in_another_encoding(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\n{ROW}\n", encoding=encoding)
    refused(path, "bytes that are not text; expected a CSV file in UTF-8")


# WFDB


def wfdb_header(write_record, folder):
    """Write a sound record and return its header, with a comment that names the patient."""
    header = write_record(folder / "a", COUNTS)
    who = f"{writers.PATIENT['last']} {writers.PATIENT['first']}, {writers.PATIENT['id']}"
    header.write_text(header.read_text() + f"# Name: {who}\n")
    return header


def test_leads_of_one_file_in_two_storage_formats(tmp_path, write_record):
    header = wfdb_header(write_record, tmp_path)
    lines = header.read_text().splitlines()
    lines[5] = lines[5].replace(" 16 ", " 212 ", 1)
    header.write_text("\n".join(lines))
    refused(header, "lead aVL in another format than the lead before in its file; expected one")


@pytest.mark.parametrize("lost", ["\n# ", "\n# Na", " 0 V6\n# Name: ", "V6\n# Name:", " 16 0 "])
def test_a_comment_that_damage_made_part_of_a_line_is_not_quoted(tmp_path, write_record, lost):
    header = wfdb_header(write_record, tmp_path)
    before, found, after = header.read_text().rpartition(lost)
    assert found
    header.write_text(before + after)
    refused(header)


def test_a_header_of_which_only_the_patient_is_left_is_not_quoted(tmp_path, write_record):
    header = wfdb_header(write_record, tmp_path)
    header.write_text("a 12 " + header.read_text().rpartition("# Name: ")[2])
    refused(header, "the record line 'a 12 … …")


# NPY and NPZ


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (COUNTS.T, r"of shape \(12, 200\); expected .* \(samples, 12\)\. Transpose it"),
        (COUNTS[:, :8], r"of shape \(200, 8\)"),
        (COUNTS[0], r"of shape \(12,\)"),
        (COUNTS[None], r"of shape \(1, 200, 12\)"),
        (COUNTS.astype(str), "an array of <U"),
        (COUNTS > 0, "an array of bool"),
        (COUNTS + 0j, "an array of complex"),
        (COUNTS.astype("M8[s]"), "an array of datetime64"),
        (np.where(COUNTS == 0, np.inf, COUNTS), "a peak of inf mV"),
        (COUNTS * 10**6, "a peak of"),
    ],
)
def test_an_array_that_is_no_ecg(tmp_path, array, found):
    np.save(tmp_path / "a.npy", array)
    refused(tmp_path / "a.npy", found, **GIVEN)


@pytest.mark.parametrize("missing", GIVEN)
def test_an_array_of_which_something_is_not_said(tmp_path, missing):
    np.save(tmp_path / "a.npy", COUNTS)
    given = {key: value for key, value in GIVEN.items() if key != missing}
    word = {"sampling_frequency": "rate"}.get(missing, missing)
    refused(tmp_path / "a.npy", f"found no {word}; expected the {word} in the file or", **given)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"units": "mmHg"}, "the unit 'mmHg'"),
        ({"units": np.array(["uV", "mV"])}, "units of <U2 and shape"),
        ({"units": 5}, "units of int64"),
        ({"leads": list(LEADS[:11])}, "leads of <U3"),
        ({"leads": ["I"] * 12}, "lead I more than once"),
        ({"leads": np.arange(12)}, "leads of int64"),
        ({"sampling_frequency": 0}, "a rate of 0"),
        ({"sampling_frequency": -500}, "a rate of -500"),
        ({"sampling_frequency": np.nan}, "a rate of nan"),
        ({"sampling_frequency": "500"}, "sampling_frequency of <U3"),
        ({"sampling_frequency": [500, 500]}, "sampling_frequency of int64"),
    ],
)
def test_an_npz_file_that_says_something_wrong(tmp_path, change, found):
    said = {"signal": COUNTS, "units": "uV", "leads": list(LEADS), "sampling_frequency": 500}
    np.savez(tmp_path / "a.npz", **said | change)
    refused(tmp_path / "a.npz", re.escape(found))


def test_an_npz_file_that_says_otherwise_than_is_given(tmp_path):
    path = writers.write_npz(tmp_path / "a.npz", COUNTS)
    refused(path, "found the units uV; expected mV, as given", units="mV")
    refused(path, r"found the rate 500\.0; expected 100", sampling_frequency=100)
    refused(path, "found the leads I II III .*; expected V6 V5", leads=LEADS[::-1])
