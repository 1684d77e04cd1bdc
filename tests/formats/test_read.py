"""A file is known by what is in it; reading plain formats needs numpy alone."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import writers

from ecglens import formats
from ecglens.errors import RecordError
from ecglens.formats import wfdb
from ecglens.record import LEADS

COUNTS = np.random.default_rng(1).integers(-900, 900, (100, 12))
WRITE = {
    "NPZ": (writers.write_npz, "a.npz"),
    "CSV": (writers.write_csv, "a.csv"),
    "DICOM": (writers.write_dicom, "a.dcm"),
    "HL7 aECG": (writers.write_aecg, "a.xml"),
    "GE MUSE XML": (writers.write_muse, "a.xml"),
    "Philips Sierra XML": (writers.write_sierra, "a.xml"),
    "SCP-ECG": (writers.write_scp, "a.scp"),
    "EDF": (writers.write_edf, "a.edf"),
}


def write(name, folder):
    """Write :data:`COUNTS` in a format."""
    function, file = WRITE[name]
    counts = COUNTS[:, [0, 1, *range(6, 12)]] if name == "SCP-ECG" else COUNTS
    return function(folder / file, counts, rate=100)


@pytest.mark.parametrize("name", WRITE)
def test_every_format_is_recognised(tmp_path, name):
    assert formats.recognise(write(name, tmp_path)).name == name


@pytest.mark.parametrize("name", sorted(set(WRITE) - {"CSV"}))
@pytest.mark.parametrize("ending", ["", ".dat", ".xml", ".csv", ".bin"])
def test_what_is_in_a_file_counts_more_than_its_ending(tmp_path, name, ending):
    path = write(name, tmp_path)
    other = path.rename(tmp_path / f"other{ending}")
    assert formats.recognise(other).name == name
    assert formats.read(other).signal.shape == (100, 12)


def test_the_table_names_every_format_that_this_module_writes():
    assert {kind.name for kind in formats.FORMATS} == {"WFDB", "NPY", *WRITE}


@pytest.mark.parametrize("ending", ["", ".hea", ".dat"])
def test_a_wfdb_record_is_named_with_or_without_its_ending(tmp_path, write_record, ending):
    header = write_record(tmp_path / "00001_lr", COUNTS)
    record = formats.read(tmp_path / f"00001_lr{ending}")
    np.testing.assert_array_equal(record.signal, wfdb.read(header).signal)
    assert (record.name, record.sampling_frequency) == ("00001_lr", 100)


def test_a_wfdb_record_whose_name_has_a_point(tmp_path, write_record):
    write_record(tmp_path / "a", COUNTS).rename(tmp_path / "1.2_lr.hea")
    assert formats.read(tmp_path / "1.2_lr").name == "1.2_lr"


def test_signals_in_a_dat_file_beside_their_header_are_wfdb_whatever_they_start_with(
    tmp_path, write_record
):
    counts = COUNTS.copy()
    counts[0, :3] = np.frombuffer(b"PK\3\4\0\0", "<i2")
    write_record(tmp_path / "a", counts)
    assert (tmp_path / "a.dat").read_bytes().startswith(b"PK\3\4")
    assert formats.recognise(tmp_path / "a.dat").name == "WFDB"


@pytest.mark.parametrize("name", ["DICOM", "GE MUSE XML", "EDF", "WFDB"])
def test_a_rate_that_is_asked_for_must_be_the_files_own(tmp_path, write_record, name):
    path = write_record(tmp_path / "a", COUNTS) if name == "WFDB" else write(name, tmp_path)
    assert formats.read(path, sampling_frequency=100).sampling_frequency == 100
    with pytest.raises(RecordError, match="found 100 Hz; expected 500 Hz, as asked for"):
        formats.read(path, sampling_frequency=500)


def test_plain_formats_are_read_with_numpy_alone(tmp_path, write_record):
    np.save(tmp_path / "a.npy", COUNTS)
    shutil.copy(write("NPZ", tmp_path), tmp_path / "b.npz")
    write("CSV", tmp_path)
    write_record(tmp_path / "w", COUNTS)
    code = f"""
import sys
from ecglens import formats
formats.read({str(tmp_path / "w")!r})
formats.read({str(tmp_path / "a.csv")!r})
formats.read({str(tmp_path / "b.npz")!r})
formats.read({str(tmp_path / "a.npy")!r}, sampling_frequency=100, units="uV", leads={LEADS!r})
heavy = {{"wfdb", "pandas", "scipy", "ecgdatakit", "pydicom", "defusedxml", "xmltodict"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
