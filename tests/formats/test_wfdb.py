"""WFDB records come in as the wfdb package reads them, by lead name and by the header's units."""

import subprocess
import sys

import numpy as np
import pytest
import wfdb as reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecglens.formats import wfdb
from ecglens.record import LEADS

MIMIC = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
LOWEST = {"80": -128, "212": -2048, "16": -32768, "24": -(1 << 23), "32": -(1 << 31)}


def noise(samples=1000, seed=0, size=3000):
    return np.random.default_rng(seed).integers(-size, size, (samples, 12))


def read_by_reference(stem):
    """Return the wfdb package's millivolts with leads in our order."""
    record = reference.rdrecord(str(stem))
    names = [name.lower() for name in record.sig_name]
    return record.p_signal[:, [names.index(lead.lower()) for lead in LEADS]]


def reference_write(folder, counts, *, name="a", fmt="16", gain=1000.0, baseline=0, units="mV"):
    reference.wrsamp(
        name, fs=500, units=[units] * 12, sig_name=list(LEADS), d_signal=np.asarray(counts),
        fmt=[fmt] * 12, adc_gain=[gain] * 12, baseline=[baseline] * 12, write_dir=str(folder),
    )  # fmt: skip
    return folder / name


# Known values by hand


def test_a_count_is_a_microvolt_at_ptb_xls_gain(tmp_path, write_record):
    counts = np.zeros((3, 12), int)
    counts[:, 0] = -119, 0, 1000
    counts[:, 11] = 32767, -32767, 1
    record = wfdb.read(write_record(tmp_path / "00001_lr", counts))
    assert record.signal.dtype == np.float32 and record.signal.shape == (3, 12)
    assert record.signal[:, 0].tolist() == np.float32([-0.119, 0, 1]).tolist()
    assert record.signal[:, 11].tolist() == np.float32([32.767, -32.767, 0.001]).tolist()
    assert (record.name, record.sampling_frequency) == ("00001_lr", 100)
    assert record.source == str(tmp_path / "00001_lr.hea")


@pytest.mark.parametrize(
    ("gain", "millivolts"),
    [
        ("1000.0(0)/mV", 0.2),
        ("1000/mV", 0.2),
        ("1000", 0.2),
        ("200(0)/mV", 1.0),
        ("200(100)/mV", 0.5),
        ("200(-100)/mV", 1.5),
        ("1(0)/uV", 0.2),
        ("4.88(0)/uV", 200 / 4880),
        ("0.001(0)/nV", 0.2),
        ("1e6/V", 0.2),
        ("1716(6)/mV", 194 / 1716),
    ],
)
def test_gain_baseline_and_units_make_millivolts(tmp_path, write_record, gain, millivolts):
    header = write_record(tmp_path / "a", np.full((2, 12), 200), gain=gain)
    assert np.allclose(wfdb.read(header).signal, millivolts, rtol=1e-6)


def test_the_zero_of_the_converter_is_the_baseline_where_none_is_given(tmp_path, write_record):
    header = write_record(tmp_path / "a", np.full((2, 12), 1224), gain="200/mV")
    header.write_text(header.read_text().replace(" 16 0 1224", " 11 1024 1224"))
    assert np.allclose(wfdb.read(header).signal, 1.0)
    assert np.allclose(read_by_reference(tmp_path / "a"), 1.0)


def test_each_lead_has_a_gain_and_units_of_its_own(tmp_path, write_record):
    gains = ["1000.0(0)/mV", "1(0)/uV", *["500(10)/mV"] * 10]
    header = write_record(tmp_path / "a", np.full((2, 12), 500), gain=gains)
    assert np.allclose(wfdb.read(header).signal[0], [0.5, 0.5, *[0.98] * 10])


@pytest.mark.parametrize(
    "names",
    [MIMIC, LEADS[::-1], [n.lower() for n in LEADS], [n.upper() for n in LEADS]],
    ids=["MIMIC", "reversed", "LUDB's lower case", "PTB-XL's upper case"],
)
def test_leads_are_taken_by_name(tmp_path, write_record, names):
    order = [[n.lower() for n in LEADS].index(name.lower()) for name in names]
    counts = np.tile(np.arange(12) * 100, (5, 1))
    record = wfdb.read(write_record(tmp_path / "a", counts[:, order], leads=names))
    assert np.allclose(record.signal, np.arange(12) * 0.1)


def test_the_lowest_count_is_a_missing_sample_whatever_gain_and_order(tmp_path, write_record):
    counts = noise(50)
    counts[7, 5] = -32768  # aVL in MIMIC's order
    header = write_record(tmp_path / "a", counts, leads=MIMIC, gain="200(100)/mV")
    missing = np.isnan(wfdb.read(header).signal)
    assert missing.sum() == 1 and missing[7, LEADS.index("aVL")]


def test_one_wrong_sample_is_noticed_by_the_checksum_of_its_lead(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise())
    data = bytearray((tmp_path / "a.dat").read_bytes())
    assert wfdb.read(header).signal.shape == (1000, 12)
    data[2 * (12 * 500 + 6)] ^= 1  # sample 500 of V1
    (tmp_path / "a.dat").write_bytes(data)
    with pytest.raises(wfdb.RecordError, match=r"a\.dat: found checksum \d+ in lead V1; expected"):
        wfdb.read(header)


@pytest.mark.parametrize("shift", [0, -65536], ids=["as PTB-XL", "as LUDB, negative"])
def test_a_checksum_may_be_written_with_or_without_a_sign(tmp_path, write_record, shift):
    header = write_record(tmp_path / "a", np.full((1, 12), -119))
    header.write_text(header.read_text().replace(" 65417 ", f" {65417 + shift} "))
    assert np.allclose(wfdb.read(header).signal, -0.119)


# Forms of a header


def test_a_header_without_block_size_as_the_wfdb_package_writes_it(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise())
    expected = wfdb.read(header).signal
    lines = header.read_text().splitlines()
    without = [" ".join([*line.split()[:-2], line.split()[-1]]) for line in lines[1:]]
    header.write_text("\n".join([lines[0], *without]))
    assert all(len(line.split()) == 8 for line in without)
    assert np.array_equal(wfdb.read(header).signal, expected)


@pytest.mark.parametrize(
    "line", ["a 12 100 50 08:30:00 01/02/1990", "a 12 100/360(0) 50", "a 12 100", "a 12 1e2 50"]
)
def test_the_optional_parts_of_the_record_line(tmp_path, write_record, line):
    header = write_record(tmp_path / "a", noise(50))
    header.write_text("\n".join([line, *header.read_text().splitlines()[1:]]))
    record = wfdb.read(header)
    assert record.signal.shape == (50, 12) and record.sampling_frequency == 100


def test_a_rate_left_out_is_250_hz_as_the_format_has_it(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise(50))
    header.write_text("\n".join(["a 12", *header.read_text().splitlines()[1:]]))
    assert wfdb.read(header).sampling_frequency == 250


def test_comments_blank_lines_and_windows_line_ends_change_nothing(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise(50))
    expected = wfdb.read(header).signal
    lines = header.read_text().splitlines()
    text = "\r\n".join(["# by hand", lines[0], "", *lines[1:], "#<age>: 65 µ", ""])
    header.write_text(text, encoding="utf-8", newline="")
    assert np.array_equal(wfdb.read(header).signal, expected)


@pytest.mark.parametrize("ending", ["", ".hea", ".dat"])
def test_a_record_is_named_with_or_without_its_ending(tmp_path, write_record, ending):
    write_record(tmp_path / "a", noise(5)).rename(tmp_path / "1.2_lr.hea")
    for path in (tmp_path / f"1.2_lr{ending}", str(tmp_path / f"1.2_lr{ending}")):
        assert wfdb.read(path).name == "1.2_lr"


# Other storage formats, as the wfdb package writes and reads them


@pytest.mark.parametrize("fmt", ["16", "80", "212", "24", "32"])
def test_every_storage_format_reads_as_the_wfdb_package_reads_it(tmp_path, fmt):
    counts = noise(size=min(-LOWEST[fmt] - 1, 20000))
    counts[3, 4] = LOWEST[fmt]
    stem = reference_write(tmp_path, counts, fmt=fmt, gain=200.0, baseline=3)
    record = wfdb.read(stem)
    assert np.isnan(record.signal[3, 4]) and np.isnan(record.signal).sum() == 1
    counts = counts.astype(float)
    counts[3, 4] = np.nan
    assert np.array_equal(record.signal, ((counts - 3) / 200).astype(np.float32), equal_nan=True)
    assert np.array_equal(record.signal, read_by_reference(stem).astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("fmt", ["212", "24"])
def test_a_damaged_file_in_another_format_is_noticed_too(tmp_path, fmt):
    stem = reference_write(tmp_path, noise(size=2000), fmt=fmt)
    data = bytearray(stem.with_suffix(".dat").read_bytes())
    data[300] ^= 1
    stem.with_suffix(".dat").write_bytes(data)
    with pytest.raises(wfdb.RecordError, match="found checksum"):
        wfdb.read(stem)


def test_leads_in_two_signal_files_are_joined(tmp_path, write_record):
    counts = noise(200)
    limb = write_record(tmp_path / "limb", counts[:, :6], leads=LEADS[:6])
    chest = write_record(tmp_path / "chest", counts[:, 6:], leads=LEADS[6:])
    lines = limb.read_text().splitlines()[1:] + chest.read_text().splitlines()[1:]
    (tmp_path / "a.hea").write_text("\n".join(["a 12 100 200", *lines]))
    assert np.array_equal(wfdb.read(tmp_path / "a").signal, (counts / 1000).astype(np.float32))


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    samples=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
    gain=st.floats(0.5, 20000).map(lambda g: round(g, 3)),
    baseline=st.integers(-2000, 2000),
    units=st.sampled_from(["mV", "uV"]),
)
def test_format_16_equals_the_wfdb_package(tmp_path, samples, seed, gain, baseline, units):
    stem = reference_write(
        tmp_path, noise(samples, seed, 32767), gain=gain, baseline=baseline, units=units
    )
    factor = {"mV": 1, "uV": 1e-3}[units]
    ours = wfdb.read(stem).signal
    assert np.allclose(ours, read_by_reference(stem) * factor, rtol=1e-6, atol=1e-9)


# Real records


@pytest.mark.parametrize(("rate", "suffix"), [(100, "lr"), (500, "hr")])
def test_real_records_equal_the_wfdb_package(ptb_xl, rate, suffix):
    stems = [h.with_suffix("") for h in sorted((ptb_xl / f"records{rate}").glob("21000/*.hea"))]
    if not stems:
        pytest.skip(f"needs records of PTB-XL at {rate} Hz: name all of it in ECGLENS_PTBXL")
    for stem in stems[:20]:
        record = wfdb.read(stem)
        assert (record.sampling_frequency, record.duration) == (rate, 10)
        assert stem.name.endswith(suffix)
        assert np.array_equal(record.signal, read_by_reference(stem).astype(np.float32))


def test_a_record_as_ludb_publishes_it(tmp_path, write_record):
    # Lower-case names, a gain and baseline for each lead, no resolution, signed checksums.
    gains = [f"{gain}({base})/mV" for gain, base in zip(range(1200, 1800, 50), range(12), strict=1)]
    leads = [lead.lower() for lead in LEADS]
    header = write_record(tmp_path / "1", noise(5000), rate=500, leads=leads, gain=gains)
    lines = [line.split() for line in header.read_text().splitlines()]
    for fields in lines[1:]:
        fields[3], fields[6] = "0", str((int(fields[6]) + 32768) % 65536 - 32768)
    text = [" ".join(fields) for fields in lines]
    header.write_text("\n".join([*text, "#<age>: 51", "#<diagnoses>:", "#Rhythm: Sinus rhythm."]))
    ours = wfdb.read(header)
    assert np.array_equal(ours.signal, read_by_reference(tmp_path / "1").astype(np.float32))


def test_a_plain_record_is_read_without_the_wfdb_package(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise())
    code = (
        "import sys; from ecglens.formats import wfdb; wfdb.read(sys.argv[1]); "
        "print(sorted({'wfdb', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, header], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
