"""Files made to take time, memory or control: bombs, pickles, a billion samples."""

import binascii
import pickle
import re
import struct
import zipfile
import zlib

import numpy as np
import pytest
import writers
from bad_files import COUNTS, GIVEN, XML, change, npy, npz, refused, sound

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
