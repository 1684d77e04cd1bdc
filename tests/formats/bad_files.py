"""Files of every format, and how one is refused, for tests of bad ones."""

import io
import struct
import time
import zipfile

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
