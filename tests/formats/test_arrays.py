"""CSV, NPY and NPZ come in by what they say of leads, units and rate, and what they leave out."""

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
GIVEN = {"sampling_frequency": 500.0, "units": "uV", "leads": LEADS}


def noise(samples=50, seed=0):
    return np.random.default_rng(seed).integers(-3000, 3000, (samples, 12))


def microvolts(record):
    return np.rint(record.signal.astype(float) * 1e3).astype(int)


@pytest.fixture(scope="module")
def own(simulated_set):
    """One of our own records, as counts of a microvolt."""
    record = wfdb.read(next(simulated_set.glob("records500/*/*.hea")))
    return to_microvolts(record.signal, "own").astype(int)


# Round trips


def test_our_own_record_survives_csv(tmp_path, own):
    record = formats.read(writers.write_csv(tmp_path / "a.csv", own))
    assert np.array_equal(microvolts(record), own)
    assert (record.sampling_frequency, record.duration) == (500, 10)
    assert (record.name, record.source) == ("a", str(tmp_path / "a.csv"))


def test_our_own_record_survives_npz(tmp_path, own):
    record = formats.read(writers.write_npz(tmp_path / "a.npz", own))
    assert np.array_equal(microvolts(record), own) and record.sampling_frequency == 500


def test_our_own_record_survives_npy(tmp_path, own):
    np.save(tmp_path / "a.npy", own)
    record = formats.read(tmp_path / "a.npy", **GIVEN)
    assert np.array_equal(microvolts(record), own) and record.sampling_frequency == 500


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    counts=arrays(
        int, st.tuples(st.integers(2, 30), st.just(12)), elements=st.integers(-32767, 32767)
    ),
    leads=st.permutations(LEADS),
    rate=st.sampled_from([100, 250, 257, 360, 500, 512, 1000]),
)
def test_any_counts_leads_and_rate_survive_csv_and_npz(tmp_path, counts, leads, rate):
    order = [leads.index(lead) for lead in LEADS]
    for write, name in ((writers.write_csv, "a.csv"), (writers.write_npz, "a.npz")):
        record = formats.read(write(tmp_path / name, counts, rate=rate, leads=leads))
        assert np.array_equal(microvolts(record), counts[:, order])
        assert record.sampling_frequency == rate


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("time", ["s", "ms", None])
def test_columns_are_taken_by_name_whatever_stands_between_them(tmp_path, delimiter, time):
    counts = noise()
    path = writers.write_csv(
        tmp_path / "a.csv", counts, leads=MIXED, delimiter=delimiter, time=time
    )
    record = formats.read(path, sampling_frequency=None if time else 500)
    assert np.array_equal(microvolts(record), counts[:, [MIXED.index(lead) for lead in LEADS]])
    assert record.sampling_frequency == 500


@pytest.mark.parametrize(
    ("unit", "factor"), [("mV", 1), ("uV", 1e-3), ("µV", 1e-3), ("nV", 1e-6), ("MV", 1)]
)
def test_the_headers_unit_or_the_one_given_makes_millivolts(tmp_path, unit, factor):
    counts = noise() // 100
    said = writers.write_csv(tmp_path / "a.csv", counts, unit=unit)
    left_out = writers.write_csv(tmp_path / "b.csv", counts, unit=None)
    expected = (counts * factor).astype(np.float32)
    assert np.allclose(formats.read(said).signal, expected, rtol=1e-6)
    assert np.allclose(formats.read(left_out, units=unit).signal, expected, rtol=1e-6)


def test_each_lead_may_have_a_unit_of_its_own(tmp_path):
    path = writers.write_csv(tmp_path / "a.csv", np.ones((3, 12), int))
    path.write_text(path.read_text().replace("aVL [uV]", "aVL [mV]"))
    assert (
        formats.read(path).signal[0].tolist() == np.float32([1e-3] * 4 + [1] + [1e-3] * 7).tolist()
    )


@pytest.mark.parametrize("header", ["I (uV)", "I[uV]", "  I [ uV ] ", "i [uV]", '"I [uV]"'])
def test_forms_of_a_header_cell(tmp_path, header):
    path = writers.write_csv(tmp_path / "a.csv", noise())
    path.write_text(path.read_text().replace("I [uV]", header, 1))
    assert np.array_equal(microvolts(formats.read(path)), noise())


@pytest.mark.parametrize("missing", ["", "nan", "NaN", " "])
def test_an_empty_cell_is_a_missing_sample(tmp_path, missing):
    path = writers.write_csv(tmp_path / "a.csv", noise())
    lines = path.read_text().splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:-1], missing])
    path.write_text("\n".join(lines) + "\n")
    signal = formats.read(path).signal
    assert np.isnan(signal[2, 11]) and np.isnan(signal).sum() == 1


def test_what_spreadsheets_do_changes_nothing(tmp_path):
    path = writers.write_csv(tmp_path / "a.csv", noise(), delimiter=";")
    path.write_text(path.read_text(), encoding="utf-8-sig", newline="\r\n")
    assert np.array_equal(microvolts(formats.read(path)), noise())


@pytest.mark.parametrize(("rate", "digits"), [(512, 3), (360, 3), (500, 3), (1000, 3), (257, 4)])
def test_rounded_times_still_give_the_rate(tmp_path, rate, digits):
    path = writers.write_csv(tmp_path / "a.csv", noise(10 * rate), rate=rate)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    rounded = [[f"{float(row[0]):.{digits}f}", *row[1:]] for row in rows[1:]]
    path.write_text("\n".join(",".join(row) for row in [rows[0], *rounded]) + "\n")
    assert formats.read(path).sampling_frequency == rate


def test_a_rate_that_is_no_whole_number_is_given_beside_the_times(tmp_path):
    path = writers.write_csv(tmp_path / "a.csv", noise(2000), rate=333.25)
    assert abs(formats.read(path).sampling_frequency - 333.25) < 1e-2
    assert formats.read(path, sampling_frequency=333.25).sampling_frequency == 333.25


# NumPy


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "int64", "float16", "float32", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_type_of_number_is_read(tmp_path, dtype, order):
    counts = noise() // 2
    np.save(tmp_path / "a.npy", np.asarray(counts, dtype, order=order))
    expected = np.asarray(counts, dtype).astype(float)
    record = formats.read(tmp_path / "a.npy", **GIVEN)
    assert np.allclose(record.signal, expected / 1000, rtol=1e-6)


def test_nan_in_an_array_is_a_missing_sample(tmp_path):
    signal = noise().astype(float)
    signal[4, 5] = np.nan
    np.save(tmp_path / "a.npy", signal)
    missing = np.isnan(formats.read(tmp_path / "a.npy", **GIVEN).signal)
    assert missing[4, 5] and missing.sum() == 1


def test_an_npz_file_may_leave_to_parameters_what_it_does_not_say(tmp_path):
    np.savez(tmp_path / "a.npz", signal=noise())
    np.savez(tmp_path / "b.npz", signal=noise(), units="uV", leads=list(MIXED))
    assert np.array_equal(microvolts(formats.read(tmp_path / "a.npz", **GIVEN)), noise())
    record = formats.read(tmp_path / "b.npz", sampling_frequency=250)
    order = [MIXED.index(lead) for lead in LEADS]
    assert np.array_equal(microvolts(record), noise()[:, order])
    assert record.sampling_frequency == 250
