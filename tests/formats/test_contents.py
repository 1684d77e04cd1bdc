"""The digest of a record's files changes with every byte that a reader may see, and only then."""

import os
import shutil
from pathlib import Path

import pytest

from ecglens.formats.contents import content


@pytest.fixture
def record(tmp_path, write_record):
    return write_record(tmp_path / "one" / "a", [[1] * 12] * 50).with_suffix("")


def changed(path, start, new):
    """Put bytes into a file, of the same length and with the same times."""
    times = path.stat()
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(new)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("ending", [".hea", ".dat"])
@pytest.mark.parametrize("start", [0, 100, -1])
def test_any_byte_of_the_header_or_the_signals_counts(record, ending, start):
    before = content([record])
    path = record.with_suffix(ending)
    place = start % path.stat().st_size
    changed(path, place, bytes([path.read_bytes()[place] ^ 1]))
    assert content([record]) != before


def test_every_signal_file_that_the_header_names_counts(record):
    header = record.with_suffix(".hea")
    header.write_text(header.read_text().replace("a.dat", "other.bin", 1))
    shutil.copy(record.with_suffix(".dat"), record.with_name("other.bin"))
    before = content([record])
    changed(record.with_name("other.bin"), 7, b"x")
    assert content([record]) != before


def test_what_is_beside_the_record_does_not_count(record, tmp_path):
    before = content([record])
    record.with_name("b.hea").write_text("another")
    record.with_suffix(".txt").write_text("a note")
    assert content([record]) == before


def test_where_the_record_lies_does_not_count(record, tmp_path):
    shutil.copytree(record.parent, tmp_path / "two")
    assert content([record]) == content([tmp_path / "two" / "a"])


@pytest.mark.parametrize("ending", [".hea", ".dat"])
def test_a_file_that_goes_or_comes_counts(record, ending):
    before = content([record])
    record.with_suffix(ending).unlink()
    without = content([record])
    record.with_suffix(ending).write_bytes(b"")
    assert len({before, without, content([record])}) == 3


def test_the_order_and_the_number_of_records_count(record, tmp_path, write_record):
    other = write_record(tmp_path / "one" / "b", [[2] * 12] * 50).with_suffix("")
    orders = [[record, other], [other, record], [record], [other], [record, record], []]
    assert len({content(paths) for paths in orders}) == len(orders)


@pytest.mark.parametrize("name", ["a.hea", "a.dat"])
def test_a_record_may_be_named_with_an_ending(record, name):
    path = record.with_name(name)
    before = content([path])
    changed(record.with_suffix(".dat"), 5, b"x")
    assert content([path]) != before


def test_a_file_of_another_format_counts_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * (3 << 20))
    before = content([path])
    changed(path, (3 << 20) - 1, b"y")
    assert content([path]) != before


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, ""])
def test_a_name_that_no_file_can_have_is_no_error_here(tmp_path, name):
    assert len(content([f"{tmp_path}/{name}"])) == 32


def test_a_pipe_and_a_folder_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert len(content([tmp_path / "pipe", tmp_path, Path("/dev/null")])) == 32


@pytest.mark.parametrize("line", ["../secret", "..", "/etc/passwd"])
def test_a_header_does_not_lead_out_of_its_folder(record, line):
    header = record.with_suffix(".hea")
    (record.parent.parent / "secret").write_text("one")
    header.write_text(header.read_text().replace("a.dat", line))
    before = content([record])
    (record.parent.parent / "secret").write_text("two")
    assert content([record]) == before
