"""Many plain records at once give what each gives alone, or are left to be read alone."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecglens import formats
from ecglens.errors import RecordError
from ecglens.formats import wfdb_header
from ecglens.formats.wfdb import checksums
from ecglens.formats.wfdb_plain import read_plain
from ecglens.record import LEADS, MISSING, to_microvolts

SHAPE = {"sampling_frequency": 100, "samples": 50}
MIMIC = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")


def noise(seed=0, samples=50, size=3000):
    return np.random.default_rng(seed).integers(-size, size, (samples, 12))


def left_alone(*paths):
    """Return whether none of the records was read."""
    return not read_plain(paths, **SHAPE)[1].any()


def test_records_stand_in_the_order_asked_for_as_microvolts(tmp_path, write_record):
    paths = [write_record(tmp_path / str(n), noise(n)) for n in (3, 1, 2)]
    counts, were_read = read_plain(paths, **SHAPE)
    assert counts.dtype == np.int16 and were_read.tolist() == [True] * 3
    assert np.array_equal(counts, [noise(3), noise(1), noise(2)])


def test_no_records():
    counts, were_read = read_plain([], **SHAPE)
    assert counts.shape == (0, 50, 12) and were_read.shape == (0,)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    gain=st.sampled_from(["1000.0(0)/mV", "200/mV", "1(0)/uV", "500", "125/mV", "1e6/V", "40"]),
    leads=st.permutations(LEADS),
    samples=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
    missing=st.integers(0, 5),
)
def test_a_record_is_read_as_it_is_alone(
    tmp_path, write_record, gain, leads, samples, seed, missing
):
    counts = noise(seed, samples, size=1300)
    counts[np.random.default_rng(seed).integers(0, samples, missing), 5] = MISSING
    plain = write_record(tmp_path / "a", counts, leads=leads, gain=gain)
    record = formats.read(plain)
    found, were_read = read_plain([plain], sampling_frequency=100, samples=samples)
    assert were_read[0] and np.array_equal(found[0], to_microvolts(record.signal, plain))


@pytest.mark.parametrize("ending", ["", ".hea", ".dat"])
def test_a_record_is_named_with_or_without_its_ending(tmp_path, write_record, ending):
    write_record(tmp_path / "a", noise())
    for path in (tmp_path / f"a{ending}", str(tmp_path / f"a{ending}")):
        assert read_plain([path], **SHAPE)[1].all()


def test_a_record_in_the_working_folder(tmp_path, write_record, monkeypatch):
    write_record(tmp_path / "a", noise())
    monkeypatch.chdir(tmp_path)
    assert read_plain(["a"], **SHAPE)[1].all()


def test_recorders_of_different_layout_in_one_batch(tmp_path, write_record):
    paths = [
        write_record(tmp_path / "0", noise(0)),
        write_record(tmp_path / "1", noise(1), gain="200(0)/mV", leads=MIMIC),
        write_record(tmp_path / "2", noise(2), gain="4.88(0)/uV"),
        write_record(tmp_path / "3", noise(3), gain="200(0)/mV", leads=MIMIC),
        write_record(tmp_path / "4", noise(4)),
    ]
    counts, were_read = read_plain(paths, **SHAPE)
    assert were_read.tolist() == [True, True, False, True, True]
    for place in np.flatnonzero(were_read):
        alone = to_microvolts(formats.read(paths[place]).signal, "")
        assert np.array_equal(counts[place], alone)


# What is left to be read alone. That it is then refused, or read, and how, is tested there.


def damaged(header, old, new):
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, 1))
    return header


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a 12 100 50", "a 12 500 50"),
        ("a 12 100 50", "a 12 100 49"),
        ("a 12 100 50", "a 12 100"),
        ("a 12 100 50", "a/2 12 100 50"),
        ("a 12 100 50", "a 11 100 50"),
        ("a.dat 16 ", "a.dat 212 "),
        ("a.dat 16 ", "a.dat 16+24 "),
        ("a.dat ", "b.dat "),
        ("a.dat ", "../a.dat "),
        ("1000.0(0)/mV", "0/mV"),
        ("1000.0(0)/mV", "999/mV"),
        ("1000.0(0)/mV", "1000.0(7)/mV"),
        ("1000.0(0)/mV", "1000.0(0)/mmHg"),
        (" 16 0 ", " "),
        (" V6", " V7"),
        (" V6", " V5"),
    ],
)
def test_a_header_that_is_not_plain(tmp_path, write_record, old, new):
    sound = write_record(tmp_path / "sound", noise())
    odd = damaged(write_record(tmp_path / "a", noise()), old, new)
    assert read_plain([sound, odd], **SHAPE)[1].tolist() == [True, False]


@pytest.mark.parametrize("number", [0, 600, 1199])
def test_one_wrong_bit_leaves_its_record_alone(tmp_path, write_record, number):
    paths = [write_record(tmp_path / name, noise()) for name in "ab"]
    data = bytearray((tmp_path / "a.dat").read_bytes())
    data[number] ^= 64
    (tmp_path / "a.dat").write_bytes(data)
    assert read_plain(paths, **SHAPE)[1].tolist() == [False, True]
    with pytest.raises(RecordError, match="found checksum"):
        formats.read(paths[0])


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0"])
def test_a_signal_file_of_another_length(tmp_path, write_record, change):
    header = write_record(tmp_path / "a", noise())
    path = tmp_path / "a.dat"
    path.write_bytes(change(path.read_bytes()))
    assert left_alone(header)


def test_values_beyond_any_heart(tmp_path, write_record):
    counts = noise()
    counts[3, 3] = 7000  # 35 mV
    assert left_alone(write_record(tmp_path / "a", counts, gain="200/mV"))
    counts[3, 3] = 1 << 14  # times 2^18, which 32 bits would make 0
    assert left_alone(write_record(tmp_path / "a", counts, gain="0.003814697265625/mV"))


def test_names_without_a_record(tmp_path):
    assert left_alone(tmp_path / "a", tmp_path, "", "a\0b", tmp_path / ("b" * 300))


def test_a_file_of_another_format_under_the_records_very_name(tmp_path, write_record):
    write_record(tmp_path / "a", noise())
    (tmp_path / "a").write_bytes(b"\x93NUMPY")
    assert left_alone(tmp_path / "a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise())
    (tmp_path / "a.dat").unlink()
    os.mkfifo(tmp_path / "a.dat")
    assert left_alone(header)


# Layouts that are known


@pytest.fixture
def nothing_known(monkeypatch):
    monkeypatch.setattr(wfdb_header, "_KNOWN", ())
    monkeypatch.setattr(wfdb_header, "_SEEN", set())


def parsed(header):
    return wfdb_header.parse(header.read_text(), header)


@pytest.mark.usefixtures("nothing_known")
def test_headers_of_one_layout_are_told_apart_by_what_differs(tmp_path, write_record):
    found = []
    for number in range(4):
        name = f"0000{number}_lr"
        header = write_record(tmp_path / name, noise(number))
        found.append(parsed(header))
        lines = [line.split() for line in header.read_text().splitlines()]
        assert found[-1].files == (f"{name}.dat",) * 12
        assert found[-1].checksums == tuple(int(line[6]) for line in lines[1:])
    assert found[1].layout is found[2].layout is found[3].layout
    assert len(wfdb_header._KNOWN) == 1


@pytest.mark.usefixtures("nothing_known")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("100 50\n", "100 50 08:30:00 01/02/2150\n"),
        (" V6\n", " V6\n# Age: 57\n#Dx: 1\n"),
        (" V6\n", " V6"),
        (" V6\n", " V6\n\n"),
        (".dat", ".mat"),
    ],
)
def test_what_a_layout_leaves_open_is_read_as_by_the_parser(tmp_path, write_record, old, new):
    header = write_record(tmp_path / "a", noise())
    known = [parsed(header) for _ in range(3)][-1].layout
    text = header.read_text()
    header.write_text(text.replace(old, new))
    assert header.read_text() != text and parsed(header).layout is known
    wfdb_header._KNOWN = ()
    assert parsed(header)[1:] == wfdb_header.parse(text.replace(old, new), header)[1:]
    assert parsed(header).layout.samples == known.samples


@pytest.mark.usefixtures("nothing_known")
def test_a_layout_that_is_known_lets_no_fault_pass(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise())
    text = header.read_text()
    for _ in range(3):
        parsed(header)
    assert len(wfdb_header._KNOWN) == 1
    checksum = text.split()[10]
    faults = [
        (text.replace("\na.dat", "\n../a.dat"), "signal file"),
        (text.replace("\na.dat", "\n..", 1), "signal file"),
        (text.replace("a 12", "a/2 12", 1), "multi-segment"),
        (text.rsplit("\n", 2)[0], "11 signal lines"),
        (text + text.splitlines()[-1], "13 signal lines"),
        (text + "x", "13 signal lines"),
        (text.replace(f" {checksum} 0 I\n", f" {checksum}x 0 I\n"), "the signal line"),
        (text.replace(f" {checksum} 0 I\n", f" {checksum}_0 0 I\n"), "the signal line"),
        (text.replace(f" {checksum} 0 I\n", f" {'9' * 11} 0 I\n"), "the signal line"),
        (text.replace(" V5", "\nV5"), "13 signal lines"),
        (text.replace("a 12", "a\x85b 12"), "the record line"),
        (text + "# \x85x", "13 signal lines"),
    ]
    for fault, found in faults:
        assert fault != text
        with pytest.raises(RecordError, match=found):
            wfdb_header.parse(fault, header)


@pytest.mark.usefixtures("nothing_known")
def test_a_lead_in_another_file_is_no_part_of_a_layout(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise())
    for _ in range(3):
        parsed(header)
    header.write_text(header.read_text().replace("\na.dat", "\nb.dat", 1))
    assert parsed(header).files == ("b.dat", *["a.dat"] * 11)


@pytest.mark.usefixtures("nothing_known")
def test_a_length_that_other_headers_leave_out_is_not_taken_for_a_time(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise())
    short = header.read_text().replace("100 50", "100")
    assert all(wfdb_header.parse(short, header).layout.samples is None for _ in range(3))
    assert parsed(header).layout.samples == 50
    with pytest.raises(RecordError, match="0 samples"):
        wfdb_header.parse(header.read_text().replace("100 50", "100 0"), header)


@pytest.mark.usefixtures("nothing_known")
def test_many_layouts_do_not_fill_the_memory(tmp_path, write_record):
    header = write_record(tmp_path / "a", noise())
    for gain in range(1000, 1200):
        text = header.read_text().replace("1000.0(0)", str(gain))
        assert all(wfdb_header.parse(text, header).layout.gain[0] == gain for _ in range(3))
    assert len(wfdb_header._SEEN) <= wfdb_header._MAX_SEEN
    assert len(wfdb_header._KNOWN) <= wfdb_header._MAX_KNOWN


# Checksums


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from(["<i2", "int32", "int64"]))
@settings(deadline=None)
def test_checksums_are_the_lowest_16_bits_of_the_sums(samples, seed, kind):
    size = 32768 if kind == "<i2" else 1 << 31
    counts = np.random.default_rng(seed).integers(-size, size, (3, samples, 12)).astype(kind)
    expected = [[sum(map(int, lead)) & 0xFFFF for lead in record.T] for record in counts]
    assert checksums(counts).tolist() == expected
