"""Bad zips of data sets: nothing in one is trusted, and nothing leaves its folder."""

import contextlib
import io
import re
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ludb import (
    FILES,
    everything_under,
    pack,
    sums,
)

from ecglens.datasets import archive
from ecglens.datasets.checksums import sha256
from ecglens.datasets.download import WrongFileError
from ecglens.errors import ECGLensError


def unpack(tmp_path, data, wanted=None):
    (tmp_path / "in").mkdir(exist_ok=True)
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    wanted = sums(FILES) if wanted is None else wanted
    return archive.unpack(path, tmp_path / "in", tmp_path / "in" / ".fetch", wanted)


@pytest.mark.parametrize(
    "name", ["../evil", "top/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "top//evil"]
)
def test_a_zip_that_names_a_file_outside_is_refused_as_a_whole(tmp_path, name):
    files = {"top/" + path: data for path, data in FILES.items()}
    with pytest.raises(WrongFileError, match="paths inside the data set"):
        unpack(tmp_path, pack({**files, name: b"evil"}))
    assert everything_under(tmp_path) == ["in", "set.zip"]


def test_a_link_in_a_zip_becomes_no_link(tmp_path):
    link = zipfile.ZipInfo("top/data/1.dat")
    link.external_attr = 0o120777 << 16
    done = unpack(tmp_path, pack({"top/ludb.csv": FILES["ludb.csv"], link: b"/etc/passwd"}))
    assert done == ["ludb.csv"]
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


def test_a_zip_that_declares_a_hundred_times_its_size_is_refused_unread(tmp_path):
    bomb = pack({"top/ludb.csv": FILES["ludb.csv"], "top/data/1.dat": bytes(3_000_000)})
    assert len(bomb) < 30_000
    with pytest.raises(
        WrongFileError, match=r"found 3000005 bytes packed in \d+; expected at most"
    ):
        unpack(tmp_path, bomb)
    assert everything_under(tmp_path / "in") == []


def test_a_zip_that_declares_less_than_it_holds_is_damaged_and_gives_no_byte_more(tmp_path):
    zeros = bytes(3_000_000)
    bomb = pack({"top/data/1.dat": zeros})
    lie = bomb.replace(len(zeros).to_bytes(4, "little"), (100_000).to_bytes(4, "little"))
    assert lie != bomb
    with pytest.raises(WrongFileError, match="a damaged zip"):
        unpack(tmp_path, lie)
    written = [path.stat().st_size for path in (tmp_path / "in").rglob("*") if path.is_file()]
    assert sum(written) <= 100_000


def test_many_members_over_the_same_bytes_are_refused(tmp_path):
    """Fifield 2019, A better zip bomb: the directory points to one body a thousand times."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("top/0", np.random.default_rng(1).bytes(3_000) * 20)
        first = target.infolist()[0]
        for number in range(1, 1_000):
            member = zipfile.ZipInfo(f"top/{number}")
            for field in ("CRC", "compress_size", "file_size", "header_offset", "compress_type"):
                setattr(member, field, getattr(first, field))
            target.filelist.append(member)
    with pytest.raises(WrongFileError, match="at most 100 times as many"):
        unpack(tmp_path, packed.getvalue())


def encrypted(data):
    """Set the bit that says so, in both headers of every member."""
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(mark), data):
            at = found.start() + offset
            data = data[:at] + bytes([data[at] | 1]) + data[at + 1 :]
    return data


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"<!doctype html>",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-10],
        lambda data: data.replace(FILES["data/1.dat"][:50], bytes(50)),
        encrypted,
    ],
    ids=["empty", "a web page", "half", "no end", "flipped bits", "encrypted"],
)
def test_a_damaged_zip_is_named_and_what_it_held_is_not_trusted(tmp_path, spoil):
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as target:
        for path, data in FILES.items():
            target.writestr("top/" + path, data)
    with pytest.raises(WrongFileError, match=r"set.zip: found a damaged zip .* without --zip"):
        unpack(tmp_path, spoil(stored.getvalue()))
    assert not (tmp_path / "in" / "data" / "1.dat").exists()


ZIPPED = pack({"top/" + path: data for path, data in FILES.items()})


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(ZIPPED) - 1), st.integers(0, 255)), min_size=1, max_size=6
    ),
    st.integers(0, len(ZIPPED)),
)
def test_no_change_of_a_zip_brings_a_wrong_file_or_another_kind_of_error(changes, end):
    data = bytearray(ZIPPED)
    for at, value in changes:
        data[at] = value
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(ECGLensError):
            unpack(Path(folder), bytes(data[: end or None]))
        for path, digest in sums(FILES).items():
            target = Path(folder) / "in" / path
            assert not target.exists() or sha256(target) == digest
        assert not (Path(folder) / "evil").exists()
