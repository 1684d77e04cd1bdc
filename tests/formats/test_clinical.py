"""Files of ECG carts keep leads, units and rate, and leave the patient outside."""

import logging
import re
import warnings

import numpy as np
import pytest
import writers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecglens import formats
from ecglens.formats import wfdb
from ecglens.record import LEADS, to_microvolts

MIXED = ("V6", "aVF", "I", "V1", "aVR", "II", "V3", "V2", "III", "V5", "aVL", "V4")
EIGHT = [LEADS.index(lead) for lead in writers.EIGHT]
HEALTH = [HealthCheck.function_scoped_fixture]


def scp(path, counts, *, scale=1.0, **keywords):
    """Write an SCP-ECG file whose scale is in microvolts, as the others' is."""
    return writers.write_scp(path, counts, scale=round(scale * 1000), **keywords)


def edf(path, counts, *, scale=1.0, **keywords):
    assert scale == 1.0
    return writers.write_edf(path, counts, **keywords)


WRITE = {
    "DICOM": (writers.write_dicom, "a.dcm", 2.5),
    "HL7 aECG": (writers.write_aecg, "a.xml", 2.5),
    "GE MUSE XML": (writers.write_muse, "a.xml", 4.88),
    "Philips Sierra XML": (writers.write_sierra, "a.xml", 5),
    "SCP-ECG": (scp, "a.scp", 1.25),
    "EDF": (edf, "a.edf", 1.0),
}
EVERY = pytest.mark.parametrize("name", WRITE)


@pytest.fixture(scope="module")
def own(simulated_set):
    """Two seconds of one of our own records, in microvolts."""
    record = wfdb.read(next(simulated_set.glob("records500/*/*.hea")))
    return to_microvolts(record.signal, "own").astype(int)[:1000]


def write(name, folder, microvolts, **keywords):
    """Write microvolts to the format's resolution; return the path and that resolution."""
    function, file, scale = WRITE[name]
    counts = np.rint(np.asarray(microvolts) / scale).astype(int)
    if name == "SCP-ECG":
        keywords.setdefault("leads", LEADS)
    if "leads" in keywords and name == "Philips Sierra XML":
        keywords["xli"] = False
    return function(folder / file, counts, scale=scale, **keywords), scale


# Round trips


@EVERY
def test_our_own_record_survives_to_the_formats_resolution(tmp_path, own, name):
    path, resolution = write(name, tmp_path, own)
    record = formats.read(path)
    assert record.signal.shape == own.shape and record.signal.dtype == np.float32
    assert np.abs(record.signal * 1e3 - own).max() <= resolution / 2 + 1e-2
    assert (record.sampling_frequency, record.duration) == (500, 2)
    assert (record.name, record.source) == (path.stem, str(path))


@EVERY
def test_leads_are_taken_by_name(tmp_path, own, name):
    order = [LEADS.index(lead) for lead in MIXED]
    path, resolution = write(name, tmp_path, own[:, order], leads=MIXED)
    assert np.abs(formats.read(path).signal * 1e3 - own).max() <= resolution / 2 + 1e-2


@EVERY
@pytest.mark.parametrize("rate", [100, 250, 500, 1000])
def test_the_rate_is_kept(tmp_path, own, name, rate):
    path, _ = write(name, tmp_path, own, rate=rate)
    record = formats.read(path)
    assert record.sampling_frequency == rate and len(record.signal) == 1000


@pytest.mark.parametrize(
    ("name", "rate", "kept"),
    [
        ("DICOM", 333.25, 333.25),
        ("HL7 aECG", 333.25, 333.25),
        ("HL7 aECG", 360, 360),  # whose increment of 0.002777777778 s is rounded
        ("SCP-ECG", 512, 512),  # 1953 µs, the nearest
        ("SCP-ECG", 1e6 / 3000, 1e6 / 3000),
    ],
)
def test_a_rate_that_the_parser_rounds_is_kept_too(tmp_path, own, name, rate, kept):
    path, _ = write(name, tmp_path, own, rate=rate)
    assert abs(formats.read(path).sampling_frequency - kept) < 1e-3


def test_an_edf_rate_that_is_no_whole_number_is_kept(tmp_path, own):
    path, _ = write("EDF", tmp_path, own, rate=500)
    data = path.read_bytes()
    path.write_bytes(data[:244] + b"1.5     " + data[252:])  # seconds of a data record
    assert abs(formats.read(path).sampling_frequency - 1000 / 3) < 1e-9


@pytest.mark.parametrize("name", ["DICOM", "HL7 aECG", "GE MUSE XML", "SCP-ECG", "EDF"])
def test_limb_leads_that_a_file_leaves_out_follow_from_i_and_ii(tmp_path, own, name):
    path, resolution = write(name, tmp_path, own[:, EIGHT], leads=writers.EIGHT)
    signal = formats.read(path).signal.astype(float)
    one, two, three, avr, avl, avf = signal.T[:6]
    assert np.abs(signal[:, EIGHT] * 1e3 - own[:, EIGHT]).max() <= resolution / 2 + 1e-2
    for lead, expected in (
        (three, two - one), (avr, -(one + two) / 2), (avl, one - two / 2), (avf, two - one / 2)
    ):  # fmt: skip
        assert np.abs(lead - expected).max() < 1e-5


def test_limb_leads_that_a_file_has_are_not_replaced(tmp_path, own):
    odd = own.copy()
    odd[:, 2:6] += 300  # no longer II - I
    path, resolution = write("DICOM", tmp_path, odd)
    assert np.abs(formats.read(path).signal * 1e3 - odd).max() <= resolution / 2 + 1e-2


@settings(deadline=None, max_examples=25, suppress_health_check=HEALTH)
@given(
    counts=arrays(int, st.tuples(st.integers(3, 40), st.just(12)), elements=st.integers(-900, 900)),
    order=st.integers(0, 2),
    huffman=st.booleans(),
)
def test_every_way_to_pack_an_scp_file_unpacks(tmp_path, counts, order, huffman):
    path = writers.write_scp(tmp_path / "a.scp", counts, leads=LEADS, order=order, huffman=huffman)
    assert np.array_equal(np.rint(formats.read(path).signal.astype(float) * 1e3), counts)


@settings(deadline=None, max_examples=25, suppress_health_check=HEALTH)
@given(
    counts=arrays(int, st.tuples(st.integers(3, 40), st.just(12)), elements=st.integers(-900, 900)),
    version=st.sampled_from(["1.03", "1.04"]),
    xli=st.booleans(),
)
def test_every_way_to_pack_a_sierra_file_unpacks(tmp_path, counts, version, xli):
    path = writers.write_sierra(tmp_path / "a.xml", counts, scale=1, version=version, xli=xli)
    assert np.array_equal(np.rint(formats.read(path).signal.astype(float) * 1e3), counts)


# Forms of a file


def test_a_real_dicom_file_equals_pydicoms_own_reading():
    import pydicom
    from pydicom.data import get_testdata_file

    path = get_testdata_file("waveform_ecg.dcm", download=False)
    record = formats.read(path)
    data = pydicom.dcmread(path)
    group = data.WaveformSequence[0]
    meanings = [
        channel.ChannelSourceSequence[0].CodeMeaning.removeprefix("Lead ").split(" ")[0]
        for channel in group.ChannelDefinitionSequence
    ]
    order = [[m.lower() for m in meanings].index(lead.lower()) for lead in LEADS]
    assert np.allclose(record.signal, data.waveform_array(0)[:, order] * 1e-3, atol=1e-6)
    assert (record.sampling_frequency, record.duration) == (1000, 10)


def test_an_edf_file_equals_edfios_own_reading(tmp_path, own):
    import edfio

    path, _ = write("EDF", tmp_path, own)
    theirs = np.stack([signal.data for signal in edfio.read_edf(path).signals], axis=1)
    assert np.allclose(formats.read(path).signal, theirs * 1e-3, atol=1e-6)


def test_a_dicom_sample_marked_as_missing_is_nan(tmp_path, own):
    import pydicom

    path, _ = write("DICOM", tmp_path, own)
    data = pydicom.dcmread(path)
    group = data.WaveformSequence[0]
    group.add_new("WaveformPaddingValue", "OW", b"\x00\x80")
    counts = np.frombuffer(group.WaveformData, "<i2").copy()
    counts[12 * 7 + 5] = -32768
    group.WaveformData = counts.tobytes()
    data.save_as(path)
    missing = np.isnan(formats.read(path).signal)
    assert missing[7, 5] and missing.sum() == 1


def test_a_signal_beside_the_ecg_is_left_out(tmp_path, own):
    path = writers.write_edf(
        tmp_path / "a.edf", np.column_stack([own, own[:, 0]]), leads=[*LEADS, "Resp"]
    )
    data = path.read_bytes().replace(b"ECG Resp", b"Resp    ")
    path.write_bytes(data)
    assert np.array_equal(np.rint(formats.read(path).signal.astype(float) * 1e3), own)


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "utf-8"), ("utf-16", "UTF-16"), ("latin-1", "ISO-8859-1")],
)
@pytest.mark.parametrize("name", ["HL7 aECG", "GE MUSE XML", "Philips Sierra XML"])
def test_xml_is_read_in_the_encodings_that_carts_write(tmp_path, own, name, encoding, declared):
    path, resolution = write(name, tmp_path, own)
    text = re.sub(r'( encoding=)"[^"]*"', rf'\1"{declared}"', path.read_text(), count=1)
    path.write_text(text.replace("Wilhelmina", "Wilhelmine Öz"), encoding=encoding)
    assert np.abs(formats.read(path).signal * 1e3 - own).max() <= resolution / 2 + 1e-2


def test_a_name_in_another_encoding_than_declared_does_not_keep_a_file_out(tmp_path, own):
    path, resolution = write("Philips Sierra XML", tmp_path, own)
    path.write_bytes(path.read_bytes().replace(b"Wilhelmina", b"M\xfcller"))
    assert np.abs(formats.read(path).signal * 1e3 - own).max() <= resolution / 2 + 1e-2


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1), ("uV", 1e-3), ("nV", 1e-6), ("V", 1e3)])
def test_units_are_the_files(tmp_path, unit, factor):
    counts = np.random.default_rng(3).integers(-9, 9, (20, 12))
    path = writers.write_aecg(tmp_path / "a.xml", counts, scale=1e-3)
    path.write_text(path.read_text().replace('unit="uV"', f'unit="{unit}"'))
    assert np.allclose(formats.read(path).signal, counts * 1e-3 * factor, rtol=1e-6)


# The patient


def heard(caplog, capfd, caught, *things):
    out, err = capfd.readouterr()
    said = [*map(str, things), out, err, caplog.text, *(str(w.message) for w in caught)]
    return " ".join(said)


@EVERY
def test_nothing_of_the_patient_is_in_a_record_nor_is_it_logged(tmp_path, own, name, caplog, capfd):
    path, _ = write(name, tmp_path, own)
    data = path.read_bytes()
    assert writers.PATIENT["id"].encode() in data and writers.PATIENT["last"].encode() in data
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        record = formats.read(path)
    everything = heard(caplog, capfd, caught, vars(record))
    assert not [value for value in writers.PATIENT.values() if value in everything]


def test_what_pydicom_says_of_the_patients_name_is_kept_to_ourselves(tmp_path, own, caplog, capfd):
    import pydicom

    path, _ = write("DICOM", tmp_path, own)
    path.write_bytes(path.read_bytes().replace(b"Ostrowczyk^Wil", b"Ostr=a=b=c=d=e"))
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert pydicom.dcmread(path).PatientName
    assert "PN components" in heard(caplog, capfd, caught)  # so this can fail
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        formats.read(path)
    assert heard(caplog, capfd, caught).strip() == ""
    assert not logging.getLogger("pydicom").disabled
