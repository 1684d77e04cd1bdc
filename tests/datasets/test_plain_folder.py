"""A folder of one's own: any records, and a table whose optional columns are optional."""

import numpy as np
import pytest
from published import plain

from ecglens.datasets.plain_folder import fetch, manifest
from ecglens.datasets.splitting import fold_of
from ecglens.preparation import prepare
from ecglens.record import LEADS
from ecglens.store import open_store

TABLE = """\
file,patient_id,codes,record_id,age,sex,fold
a/one,anna,NORM;SR,0017,61,F,3
a/two,anna,AFIB,0018,62,F,4
three,bert,none,NA,,M,10
"""
FEWEST = "file,patient_id,codes\na/one,7,NORM\na/two,7,AFIB; CLBBB\nthree,8,NONE\n"


@pytest.fixture
def build(tmp_path, recordings, write_record):
    """Return a function that writes the folder with a table."""
    records = dict(zip(("a/one", "a/two", "three"), recordings, strict=False))
    return lambda table=TABLE: plain(tmp_path / "own", records, table, write_record)


def test_the_manifest_says_what_the_table_says(build):
    table = manifest(build())
    assert table.record_id.tolist() == ["0017", "0018", "NA"]
    assert table.patient_id.tolist() == ["anna", "anna", "bert"]
    assert table.codes.tolist() == [["NORM", "SR"], ["AFIB"], []]
    assert table.fold.tolist() == [3, 4, 10] and table.split.tolist() == ["train", "train", "test"]
    assert table.age[:2].tolist() == [61, 62] and np.isnan(table.age[2])
    assert table.sex.tolist() == ["female", "female", "male"]


def test_file_patient_and_codes_are_enough(build):
    table = manifest(build(FEWEST))
    assert table.record_id.tolist() == table.file.tolist() == ["a/one", "a/two", "three"]
    assert table.fold.tolist() == [fold_of("7"), fold_of("7"), fold_of("8")]
    assert table.codes.tolist() == [["NORM"], ["AFIB", "CLBBB"], []]
    assert table.age.isna().all() and table.sex.isna().all()


def test_a_table_from_a_spreadsheet_has_a_mark_before_its_first_column(build):
    folder = build()
    (folder / "labels.csv").write_text(TABLE, encoding="utf-8-sig")
    assert manifest(folder).file.tolist() == ["a/one", "a/two", "three"]


def test_a_row_that_was_added_moves_no_other_patient(build):
    before = manifest(build(FEWEST)).set_index("record_id").fold
    more = FEWEST.replace("codes\n", "codes\nfour,6,NORM\n") + "five,9,AFIB\n"
    after = manifest(build(more)).set_index("record_id").fold
    assert after[before.index].equals(before)


def test_names_such_as_0017_and_na_come_back_from_the_prepared_arrays(build, tmp_path):
    fetch(build(), tmp_path / "raw")
    table = manifest(tmp_path / "raw")
    files = zip(table.record_id, table.file, strict=True)
    prepare(tmp_path / "raw", files, tmp_path / "signals", sampling_frequency=500, seconds=10.0)
    assert open_store(tmp_path / "signals").record_ids.tolist() == ["0017", "0018", "NA"]


def test_records_may_be_of_any_format_that_can_be_read(build, tmp_path, recordings):
    folder = build(TABLE.replace("three,", "three.npz,"))
    np.savez(
        folder / "three.npz",
        signal=recordings[2].signal, sampling_frequency=500, units="mV", leads=LEADS,
    )  # fmt: skip
    table = manifest(folder)
    files = zip(table.record_id, table.file, strict=True)
    prepare(folder, files, tmp_path / "signals", sampling_frequency=500, seconds=10.0)
    stored = open_store(tmp_path / "signals").millivolts(np.array([2]))[0]
    assert np.abs(stored - recordings[2].signal).max() <= 0.00051


def test_fetch_brings_the_folder_without_hidden_files(build, tmp_path):
    folder = build()
    (folder / ".DS_Store").write_text("a Mac was here")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("and git")
    assert fetch(folder, tmp_path / "raw") == 1 + 2 * 3
    assert not any(path.name.startswith(".") for path in (tmp_path / "raw").rglob("*"))
