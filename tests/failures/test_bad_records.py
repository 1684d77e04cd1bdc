"""A record that must not be used is refused with what, where and why; nothing is guessed."""

import numpy as np
import pytest
import wfdb as reference

from ecglens import formats
from ecglens.errors import RecordError
from ecglens.formats import wfdb
from ecglens.record import LEADS

SAMPLES = 1000


@pytest.fixture
def record(tmp_path, write_record):
    """Return the header of a sound record, "a.hea"."""
    counts = np.random.default_rng(0).integers(-999, 999, (SAMPLES, 12))
    return write_record(tmp_path / "a", counts)


def refused(path, match):
    """Return the message with which a record is refused."""
    with pytest.raises(RecordError, match=match) as caught:
        wfdb.read(path)
    return str(caught.value)


def change(header, old, new, count=-1):
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, count))


def test_the_record_that_the_others_are_damaged_from_is_sound(record):
    assert wfdb.read(record).signal.shape == (SAMPLES, 12)


# Files


def test_a_missing_signal_file(record):
    record.with_suffix(".dat").unlink()
    message = refused(record, r"a\.dat: found no such file; expected the signals of a\.hea")
    assert str(record.parent) in message


@pytest.mark.parametrize("kept", [0, 1, 11999, 23976, 23999])
def test_a_truncated_signal_file(record, kept):
    path = record.with_suffix(".dat")
    path.write_bytes(path.read_bytes()[:kept])
    refused(record, rf"a\.dat: found truncated: {kept} bytes; expected 24000 bytes for 12 leads")


def test_a_signal_file_that_goes_on_after_its_end(record):
    path = record.with_suffix(".dat")
    path.write_bytes(path.read_bytes() + bytes(24))
    refused(record, r"a\.dat: found 24024 bytes; expected 24000 bytes")


def test_a_truncated_file_where_the_header_gives_no_length(record):
    change(record, "a 12 100 1000", "a 12 100")
    path = record.with_suffix(".dat")
    path.write_bytes(path.read_bytes()[:-1])
    refused(record, r"a\.dat: found 23999 bytes; expected 23976 bytes")


@pytest.mark.parametrize("fmt", ["212", "24", "80"])
def test_a_truncated_signal_file_in_another_format(tmp_path, fmt):
    counts = np.random.default_rng(0).integers(-99, 99, (SAMPLES, 12))
    reference.wrsamp(
        "b", fs=100, units=["mV"] * 12, sig_name=list(LEADS), d_signal=counts, fmt=[fmt] * 12,
        adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    path = tmp_path / "b.dat"
    path.write_bytes(path.read_bytes()[:-100])
    refused(tmp_path / "b", rf"b\.hea: found signals that .* cannot read .* in WFDB format {fmt}")
    path.unlink()
    refused(tmp_path / "b", r"b\.dat: found no such file")


def test_a_folder_in_the_place_of_the_signal_file(record):
    record.with_suffix(".dat").unlink()
    record.with_suffix(".dat").mkdir()
    refused(record, r"a\.dat: found a folder; expected the signals of a\.hea")


@pytest.mark.parametrize("name", ["b", "b.hea", "nowhere/b"])
def test_a_missing_header(tmp_path, name):
    refused(tmp_path / name, r"b\.hea: found no such file; expected a WFDB header")


def test_a_path_that_goes_through_a_file(record):
    refused(record / "b", r"b\.hea: found no such file")


@pytest.mark.parametrize("name", ["", ".", "empty"])
def test_a_folder_in_the_place_of_a_record(tmp_path, monkeypatch, name):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    refused(name, r"found a folder; expected a record\. Name its records: .*\*\.hea")


def test_a_record_beside_a_folder_of_the_same_name_is_read(record):
    record.with_suffix("").mkdir()
    assert wfdb.read(record.with_suffix("")).name == "a"


def test_a_name_that_no_file_can_have(tmp_path):
    refused(tmp_path / ("b" * 300), "File name too long")


def test_a_header_that_is_a_link_to_itself(record):
    record.unlink()
    record.symlink_to(record)
    refused(record, r"a\.hea: found Too many levels of symbolic links")


# Headers


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "found an empty header"),
        (b"# only a comment\n\n", "found an empty header"),
        (b"\xff\xfe\x00\x01" * 20, "found bytes that are not text"),
        (b"\0" * 100, "found the record line"),
        (b"hello world\n", "found the record line '… …'; expected 'NAME SIGNALS RATE"),
        (b"a\n", "found the record line 'a'"),
        (b"a 0 100 1000\n", "found 0 leads, without I, II"),
        (b"#" * (2 << 20), "found a header of 2097152 bytes"),
        (b"a/3 12 100 1000\na_1 500\n", "found a multi-segment record.*expected one segment"),
    ],
)
def test_a_header_without_a_record(record, content, match):
    record.write_bytes(content)
    assert str(record) in refused(record, match)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("a 12 0 1000", "found a rate of 0.0 Hz"),
        ("a 12 -100 1000", "found a rate of -100.0 Hz"),
        ("a 12 nan 1000", "found a rate of nan Hz"),
        ("a 12 inf 1000", "found a rate of inf Hz"),
        ("a 12 fast 1000", "found the record line"),
        ("a 12 100 0", "0 samples; expected a rate and a length above zero"),
        ("a 12 100 -1000", "-1000 samples"),
        ("a 12 100 many", "found the record line"),
        ("a 12 100 999", "found 24000 bytes; expected 23976 bytes"),
        ("a 12 100 1000000000000000", "found truncated: 24000 bytes"),
        ("a 11 100 1000", "found 12 signal lines; expected 11, as its first line says"),
        ("a 13 100 1000", "found 12 signal lines; expected 13"),
        ("a -12 100 1000", "expected -12"),
    ],
)
def test_a_wrong_rate_length_or_number_of_leads(record, line, match):
    change(record, "a 12 100 1000", line)
    refused(record, match)


def test_a_length_that_would_fill_the_memory_is_refused_before_it_is_taken(record):
    change(record, "a 12 100 1000", "a 12 100 1000000000000")
    change(record, ".dat 16 ", ".dat 212 ")
    refused(record, r"a\.dat: found 24000 bytes; expected 1000000000000 samples, as a\.hea says")


def test_a_signal_line_that_is_too_short(record):
    change(record, " 16 0 ", " ", count=1)
    refused(record, r"a\.hea: found the signal line 'a\.dat 16 1000\.0\(0\)/mV .*expected file, f")


@pytest.mark.parametrize(
    "path", ["../a.dat", "/etc/passwd", "sub/a.dat", "./a.dat", "..", ".", "~/a.dat"]
)
def test_a_header_that_points_out_of_its_folder_is_not_followed(record, path):
    outside = record.parent / "inner"
    outside.mkdir()
    record = record.rename(outside / "a.hea")
    change(record, "a.dat", path)
    message = refused(record, r"a\.hea: found the signal file .* header's own folder")
    assert repr(path) in message


def test_a_header_that_names_a_file_that_is_not_there(record):
    change(record, "a.dat", "b.dat")
    refused(record, r"b\.dat: found no such file; expected the signals of a\.hea")


@pytest.mark.parametrize("fmt", ["99", "abc", "0", "16x2", "508", "32", "16x99999999"])
def test_a_storage_format_that_the_file_is_not_in(record, fmt):
    change(record, ".dat 16 ", f".dat {fmt} ")
    message = refused(record, r"a\.hea: found signals that the wfdb package cannot read")
    assert message.endswith(f"expected signal files in WFDB format {fmt}.")


def test_an_offset_that_the_file_does_not_have(record):
    change(record, ".dat 16 ", ".dat 16+24 ")
    refused(record, r"a\.dat: found truncated: \d+ bytes behind the first 24; expected 24000 bytes")


@pytest.mark.parametrize("fmt", ["212", "80", "61", "8"])
def test_another_storage_format_than_the_files_is_noticed_by_the_checksum(record, fmt):
    change(record, ".dat 16 ", f".dat {fmt} ")
    refused(record, r"a\.dat: found checksum \d+ in lead I; expected \d+, as a\.hea says")


# Content


def test_a_wrong_checksum(record):
    checksum = record.read_text().splitlines()[3].split()[6]
    change(record, f" {checksum} 0 III", f" {int(checksum) ^ 1} 0 III")
    refused(record, rf"a\.dat: found checksum {checksum} in lead III; .* damaged: fetch the record")


def test_the_signal_file_of_another_record(record, write_record):
    other = write_record(record.with_name("b"), np.ones((SAMPLES, 12)))
    other.with_suffix(".dat").replace(record.with_suffix(".dat"))
    refused(record, r"a\.dat: found checksum 1000 in lead I")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (" 0 V6", " 0 V7", r"unknown lead names 'V7'; expected the twelve leads I II III aVR"),
        (" 0 V6", " 0 ECG lead 6", "unknown lead names 'ECG lead 6'"),
        (" 0 V6", " 0 V5", "lead V5 more than once"),
        (" 0 aVF", " 0 AVL", "lead aVL more than once"),
        (" 0 I\n", " 0 MLII\n", "unknown lead names 'MLII'"),
    ],
)
def test_unknown_and_doubled_leads(record, old, new, match):
    change(record, old, new)
    assert str(record) in refused(record, match)


@pytest.mark.parametrize("count", [1, 8, 11])
def test_fewer_than_twelve_leads(tmp_path, write_record, count):
    header = write_record(tmp_path / "b", np.zeros((5, count)), leads=LEADS[:count])
    refused(header, rf"b\.hea: found {count} leads, without .*V6; expected the twelve leads")


def test_fifteen_leads(tmp_path, write_record):
    header = write_record(tmp_path / "b", np.zeros((5, 15)), leads=[*LEADS, "vx", "vy", "vz"])
    refused(header, "unknown lead names 'vx', 'vy', 'vz'")


@pytest.mark.parametrize(
    ("gain", "match"),
    [
        ("0/mV", "a gain of '0/mV' for lead I; expected counts per unit above zero"),
        ("0", "a gain of '0' for lead I.*An uncalibrated record has no millivolts"),
        ("-200/mV", "a gain of '-200/mV' for lead I"),
        ("nan/mV", "a gain of 'nan/mV' for lead I"),
        ("inf/mV", "a gain of 'inf/mV' for lead I"),
        ("high(0)/mV", r"the gain 'high\(0\)/mV' of lead I; expected such as 1000\.0\(0\)/mV"),
        ("200(low)/mV", "the gain '200"),
        ("200(0)/", "the gain '200"),
        ("200(0)/mmHg", "the unit 'mmHg'; expected mV, uV, nV or V"),
        ("200(0)/adu", "the unit 'adu'"),
        ("200(0)/mV/s", "the unit 'mV/s'"),
    ],
)
def test_a_gain_or_unit_that_does_not_make_millivolts(record, gain, match):
    change(record, "1000.0(0)/mV", gain)
    assert str(record) in refused(record, match)


def test_one_lead_in_an_unknown_unit_is_enough(record):
    lines = record.read_text().splitlines()
    lines[7] = lines[7].replace("/mV", "/bpm")
    record.write_text("\n".join(lines))
    refused(record, "the unit 'bpm'")


# Numbers that no ECG has


@pytest.mark.parametrize("rate", ["1e300", "1e9", "9.99", "1e-300"])
def test_a_rate_that_would_take_all_memory_is_refused_at_the_door(record, rate):
    change(record, "a 12 100 1000", f"a 12 {rate} 1000")
    with pytest.raises(RecordError, match=r"Hz; expected a rate of 10 to 100000 Hz"):
        formats.read(record)
    with pytest.raises(RecordError, match=r"expected a rate of 10 to 100000 Hz"):
        wfdb.read(record).resampled(500)


def test_a_baseline_beyond_any_voltage_is_refused_at_the_door(record):
    change(record, "1000.0(0)/mV", f"1000.0({'9' * 30})/mV")
    with pytest.raises(RecordError, match=r"a\.hea: found a peak of 9{6}\d+\.0 mV"):
        formats.read(record)


@pytest.mark.parametrize("number", ["1_0_0", "１００", "0x64"])
def test_a_rate_that_is_a_number_to_python_alone_is_refused(record, number):
    change(record, "a 12 100 1000", f"a 12 {number} 1000")
    refused(record, "found the record line")


def test_a_gain_that_is_a_number_to_python_alone_is_refused(record):
    change(record, "1000.0(0)", "1_000(0)", 1)
    refused(record, r"the gain '1_000\(0\)/mV' of lead I; expected such as 1000\.0\(0\)/mV")


def test_a_message_quotes_no_more_than_a_line(record):
    change(record, "1000.0(0)", f"1000.0({'9' * 5000})")
    assert len(refused(record, "the gain")) < 300
