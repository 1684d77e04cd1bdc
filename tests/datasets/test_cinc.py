"""CinC challenge folders: MATLAB signals bit by bit, comments of both years, sets and rates."""

import numpy as np
import pytest
import scipy.io
import wfdb as reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published import cinc_record

from ecglens.datasets import cinc
from ecglens.formats import wfdb
from ecglens.record import Record

RATES = {"georgia": 500, "ptb": 1000, "st_petersburg_incart": 257}


@pytest.fixture
def folder(tmp_path, recordings):
    """Records of every set, at its own rate."""
    names = {
        "cpsc_2018": "A0001", "cpsc_2018_extra": "Q0001", "georgia": "E00001", "ningbo": "JS10647",
        "chapman_shaoxing": "JS00001", "ptb": "S0001", "st_petersburg_incart": "I0001",
    }  # fmt: skip
    for number, (set_, name) in enumerate(names.items()):
        record = recordings[number % len(recordings)].resampled(RATES.get(set_, 500))
        cinc_record(tmp_path, set_, name, record, year=2020 + number % 2)
    cinc_record(tmp_path, "ptb", "S0002", recordings[0].resampled(1000))
    cinc_record(tmp_path, "ptb-xl", "HR00001", recordings[1])
    return tmp_path


# Signals


@pytest.mark.parametrize("year", [2020, 2021])
def test_matlab_signals_equal_scipy_and_the_wfdb_package(tmp_path, signals, year):
    for number, original in enumerate(signals):
        stem = cinc_record(tmp_path, "georgia", f"E{number:05d}", original, gain=4880, year=year)
        record = wfdb.read(stem)
        matrix = scipy.io.loadmat(stem.with_suffix(".mat"))["val"]  # (12, samples)
        assert np.array_equal(record.signal, (matrix.T / 4880).astype(np.float32))
        package = reference.rdrecord(str(stem)).p_signal
        assert np.array_equal(record.signal, package.astype(np.float32))
        assert np.abs(record.signal - original.signal).max() <= 0.51 / 4880


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.integers(1, 300), seed=st.integers(0, 2**32 - 1), rate=st.sampled_from([257, 500])
)
def test_what_is_written_is_what_is_read(tmp_path, samples, seed, rate):
    counts = np.random.default_rng(seed).integers(-32767, 32768, (samples, 12))
    written = Record((counts / 1000).astype(np.float32), rate, "a")
    record = wfdb.read(cinc_record(tmp_path, "georgia", "a", written))
    assert np.array_equal(record.signal, written.signal)
    assert (record.sampling_frequency, record.name) == (rate, "a")


# Comments


@pytest.mark.parametrize("year", [2020, 2021])
def test_age_sex_and_codes_come_from_the_comments_of_either_year(tmp_path, recordings, year):
    options = {"dx": "251146004,426783006", "age": "74", "sex": "Male", "year": year}
    cinc_record(tmp_path, "cpsc_2018", "A0001", recordings[0], **options)
    (row,) = cinc.manifest(tmp_path).itertuples()
    assert row.codes == ["251146004", "426783006"]
    assert (row.age, row.sex, row.set) == (74, "male", "cpsc_2018")


@pytest.mark.parametrize(
    ("written", "age"),
    [
        ("57", 57), ("0", 0), ("89", 89), ("300", 90), ("92", 90),
        ("-1", None), ("NaN", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_an_age_that_stands_for_something_else_is_understood(tmp_path, recordings, written, age):
    cinc_record(tmp_path, "cpsc_2018", "A0001", recordings[0], age=written)
    (found,) = cinc.manifest(tmp_path).age
    assert np.isnan(found) if age is None else found == age


@pytest.mark.parametrize(
    ("written", "sex"),
    [
        ("Male", "male"), ("F", "female"), ("M", "male"),
        ("Unknown", None), ("NaN", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_sex_is_written_in_several_ways(tmp_path, recordings, written, sex):
    cinc_record(tmp_path, "georgia", "E00001", recordings[0], sex=written)
    (found,) = cinc.manifest(tmp_path).sex
    assert found != found if sex is None else found == sex


def test_a_code_that_a_header_names_twice_is_one_code(tmp_path, recordings):
    cinc_record(tmp_path, "georgia", "E00001", recordings[0], dx="284470004, 426783006,284470004")
    assert cinc.manifest(tmp_path).codes.tolist() == [["284470004", "426783006"]]


def test_comments_name_and_text_are_parsed_from_every_style(tmp_path):
    header = tmp_path / "a.hea"
    header.write_text("a 0\n# Age: 57\n#Sex: M\n#<age>: 60\n# <subject_id>: 7: b\n#no colon\n#:x\n")
    assert wfdb.comments(header) == {"age": "57", "sex": "M", "subject_id": "7: b", "": "x"}


# Manifest


def test_the_manifest_has_every_record_of_every_set(folder):
    table = cinc.manifest(folder)
    assert table.columns.tolist() == [
        "record_id", "patient_id", "fold", "split", "age", "sex", "codes", "file", "set",
    ]  # fmt: skip
    assert set(table.record_id) == {
        "A0001", "Q0001", "E00001", "JS10647", "JS00001", "S0001", "S0002", "I0001",
        "HR00001",
    }  # fmt: skip
    for row in table.itertuples():
        assert row.file == f"training/{row.set}/g1/{row.record_id}"
        record = wfdb.read(folder / row.file)
        assert record.sampling_frequency == RATES.get(row.set, 500)


def test_sets_that_do_not_say_whose_a_record_is_fall_whole_into_one_split(folder):
    table = cinc.manifest(folder).set_index("record_id")
    assert table.patient_id["S0001"] == table.patient_id["S0002"] == "ptb"
    assert table.split["S0001"] == table.split["S0002"]
    assert table.patient_id["HR00001"] == "ptb-xl"
    assert table.patient_id["I0001"] == "st_petersburg_incart"
    assert table.patient_id["E00001"] == "E00001"


def test_fetch_brings_the_sets_asked_for(folder, tmp_path_factory):
    raw = tmp_path_factory.mktemp("raw") / "cinc"
    assert cinc.fetch(folder, raw, sets=["ptb", "georgia"]) == 2 * 3
    assert set(cinc.manifest(raw).set) == {"ptb", "georgia"}
    assert cinc.fetch(folder, raw) == 2 * 9
