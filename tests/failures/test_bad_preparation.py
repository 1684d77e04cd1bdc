"""A record that cannot be prepared stops the work or is listed; half arrays are never trusted."""

import json

import numpy as np
import pandas as pd
import pytest

from ecglens.errors import DatasetError, RecordError
from ecglens.preparation import prepare
from ecglens.record import LEADS
from ecglens.store import open_store

FILES = [(number, str(number)) for number in (1, 2, 3, 4)]


@pytest.fixture
def source(tmp_path, write_record):
    """Four sound records of 10 s at 100 Hz."""
    for number, name in FILES:
        counts = np.random.default_rng(number).integers(-999, 999, (1000, 12))
        write_record(tmp_path / "raw" / name, counts)
    return tmp_path / "raw"


def run(source, **options):
    settings = {"sampling_frequency": 100, "seconds": 10.0, **options}
    return prepare(source, settings.pop("files", FILES), source.with_name("signals"), **settings)


def truncate(source, write_record):
    path = source / "2.dat"
    path.write_bytes(path.read_bytes()[:-2])


def remove(source, write_record):
    (source / "2.hea").unlink()


def change_gain(header, gain):
    header.write_text(header.read_text().replace("1000.0(0)/mV", gain))


def drop_a_lead(source, write_record):
    write_record(source / "2", np.ones((1000, 11)), leads=LEADS[:11])


def change_the_rate(source, write_record):
    write_record(source / "2", np.ones((5000, 12)), rate=500)


def shorten(source, write_record):
    write_record(source / "2", np.ones((900, 12)))


def amplify(source, write_record):
    write_record(source / "2", np.full((1000, 12), 9000), gain="200/mV")


FAULTS = [
    (truncate, r"2\.dat: found truncated: 23998 bytes"),
    (remove, r"2\.hea: found no such file"),
    (drop_a_lead, r"2\.hea: found 11 leads, without V6"),
    (change_the_rate, r"2\.hea: found 500 Hz; expected 100 Hz \(prepare\.sampling_frequency\)"),
    (shorten, r"2\.hea: found 900 samples; expected 1000 \(prepare\.seconds\)"),
    (amplify, r"2\.hea: found a peak of 45\.0 mV; expected values within ±32\.767 mV"),
]


@pytest.mark.parametrize(("damage", "match"), FAULTS)
def test_stop_names_the_record_and_leaves_no_arrays(source, write_record, damage, match):
    damage(source, write_record)
    with pytest.raises(RecordError, match=match):
        run(source, unreadable="stop")
    assert [path.name for path in source.parent.iterdir()] == ["raw"]


@pytest.mark.parametrize(("damage", "match"), FAULTS)
def test_skip_lists_the_record_and_prepares_the_others(source, write_record, damage, match):
    damage(source, write_record)
    rejected = run(source, unreadable="skip")
    assert rejected.record_id.tolist() == [2]
    assert rejected.error.str.contains(match).all()
    listed = pd.read_csv(source.with_name("signals") / "rejected.csv")
    assert listed.equals(rejected)
    store = open_store(source.with_name("signals"))
    assert store.record_ids.tolist() == [1, 3, 4] and len(store.counts) == 3
    for row, number in enumerate(store.record_ids):
        expected = np.random.default_rng(number).integers(-999, 999, (1000, 12))
        assert np.array_equal(store.counts[row], expected)


def test_stopping_leaves_the_arrays_of_an_earlier_run(source):
    run(source)
    before = open_store(source.with_name("signals")).sha256
    (source / "3.dat").unlink()
    with pytest.raises(RecordError):
        run(source)
    assert open_store(source.with_name("signals")).sha256 == before


def test_a_set_in_which_no_record_can_be_used_is_refused_even_with_skip(source):
    for path in source.glob("*.dat"):
        path.unlink()
    with pytest.raises(DatasetError, match=r"no usable record.*The first was refused so: .*1\.dat"):
        run(source, unreadable="skip")
    assert not source.with_name("signals").exists()


def test_an_empty_manifest_is_refused(source):
    with pytest.raises(DatasetError, match=r"no usable record.*The manifest is empty"):
        run(source, files=[])


@pytest.mark.parametrize("name", [None, float("nan"), pd.NA])
def test_a_record_that_the_manifest_gives_no_file_at_this_rate(source, name):
    files = [*FILES, (5, name)]
    with pytest.raises(RecordError, match="record 5: found no file at this rate"):
        run(source, files=files)
    assert run(source, files=files, unreadable="skip").record_id.tolist() == [5]


@pytest.mark.parametrize("reader", ["read_plain", "formats.read", "to_microvolts"])
def test_a_fault_of_the_program_is_not_taken_for_a_bad_record(source, monkeypatch, reader):
    def fail(*args, **kwargs):
        raise ZeroDivisionError("a bug")

    change_gain(source / "2.hea", "999/mV")  # not plain, so that it is read alone
    monkeypatch.setattr(f"ecglens.reading.{reader}", fail)
    with pytest.raises(ZeroDivisionError):
        run(source, unreadable="skip")
    assert not source.with_name("signals").exists()


# Opening


def test_a_folder_that_is_not_there_names_the_stage_that_makes_it(tmp_path):
    with pytest.raises(DatasetError, match=r"signals: found no signals\.npy.*dvc repro prepare"):
        open_store(tmp_path / "signals")


@pytest.mark.parametrize("name", ["signals.npy", "records.csv", "index.json"])
@pytest.mark.parametrize("share", [None, 0, 0.5])
def test_arrays_of_which_a_file_is_missing_empty_or_half_are_refused(source, name, share):
    run(source)
    path = source.with_name("signals") / name
    content = path.read_bytes()
    path.unlink()
    if share is not None:
        path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DatasetError, match=r"signals: found .*Run 'dvc repro prepare'"):
        open_store(path.parent)


@pytest.mark.parametrize(
    ("key", "value"), [("leads", list(LEADS[::-1])), ("leads", LEADS[:8]), ("units", "mV")]
)
def test_arrays_in_another_lead_order_or_unit_are_refused(source, key, value):
    run(source)
    path = source.with_name("signals") / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(DatasetError, match="expected one id a signal, the house's leads, uV"):
        open_store(path.parent)


def test_arrays_that_would_run_code_are_not_opened(source):
    run(source)
    folder = source.with_name("signals")
    np.save(folder / "signals.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="cannot be read"):
        open_store(folder)
