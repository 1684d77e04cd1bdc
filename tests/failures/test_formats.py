"""Bad files in any format: each a clear error, soon, and without the patient in it."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import writers
from bad_files import COUNTS, WRITE, XML, change, refused, sound

from ecglens import formats
from ecglens.errors import RecordError
from ecglens.record import LEADS

NOBODY = 65534  # the user's number, on Linux

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


@contextmanager
def not_root():
    """Act as a user whom files can be closed to; root may read every one."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_file_that_may_not_be_read():
    with TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        folder.chmod(0o755)
        path = sound(folder, "csv")
        assert formats.read(path).signal.shape[1] == len(LEADS)  # loads what reads it
        path.chmod(0)
        with not_root():
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
