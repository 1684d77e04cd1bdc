"""A data set's folder or tables that are not in PTB-XL's layout are refused, cell by cell."""

import shutil

import pytest

from ecglens.datasets.ptb_xl import fetch, manifest
from ecglens.errors import DatasetError

HEADER = "ecg_id,patient_id,age,sex,scp_codes,strat_fold,filename_lr,filename_hr"
SOUND = {
    "ecg_id": "1",
    "patient_id": "17.0",
    "age": "56.0",
    "sex": "1",
    "scp_codes": "\"{'NORM': 100.0}\"",
    "strat_fold": "3",
    "filename_lr": "records100/00000/00001_lr",
    "filename_hr": "records500/00000/00001_hr",
}


def row(**cells):
    return ",".join((SOUND | cells).values())


@pytest.fixture
def folder(tmp_path):
    """A set of one sound row."""
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", row())
    (tmp_path / "set" / "scp_statements.csv").write_text(",description\nNORM,normal ECG\n")
    return tmp_path / "set"


def write(folder, *rows):
    (folder / "ptbxl_database.csv").write_text("\n".join([HEADER, *rows]) + "\n")


def refused(folder, match):
    with pytest.raises(DatasetError, match=match) as caught:
        manifest(folder)
    return str(caught.value)


def test_the_table_that_the_others_are_damaged_from_is_sound(folder):
    assert len(manifest(folder)) == 1


@pytest.mark.parametrize("name", ["ptbxl_database.csv", "scp_statements.csv"])
@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, "found no such file"),
        (b"", "found a table that cannot be read"),
        (b"\xff\xfe\x00\x01" * 20, "found a table that cannot be read"),
    ],
)
def test_a_table_that_is_missing_empty_or_no_table(folder, name, content, match):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    assert str(folder / name) in refused(folder, match)


@pytest.mark.parametrize("column", SOUND)
def test_a_missing_column_is_named(folder, column):
    path = folder / "ptbxl_database.csv"
    path.write_text(path.read_text().replace(column, "other"))
    refused(
        folder,
        rf"ptbxl_database\.csv: found no column {column}; expected a CSV table with .* ecg_id",
    )


def test_a_table_separated_by_semicolons(folder):
    path = folder / "ptbxl_database.csv"
    path.write_text(path.read_text().replace(",", ";"))
    refused(folder, "found columns separated by semicolons; .*separate columns by commas")


def test_a_row_with_more_cells_than_columns(folder):
    write(folder, row(), row(ecg_id="2") + ",one,two")
    refused(folder, "found a table that cannot be read")


def test_a_table_without_rows(folder):
    write(folder)
    refused(folder, "found no rows; expected a CSV table")


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("ecg_id", "x", "a whole number"),
        ("ecg_id", "", "a whole number"),
        ("ecg_id", "1.5", "a whole number"),
        ("patient_id", "", "a whole number"),
        ("patient_id", "P17", "a whole number"),
        ("patient_id", "17.5", "a whole number"),
        ("patient_id", "inf", "a whole number"),
        ("strat_fold", "0", "1-10"),
        ("strat_fold", "11", "1-10"),
        ("strat_fold", "2.5", "1-10"),
        ("strat_fold", "", "1-10"),
        ("strat_fold", "test", "1-10"),
        ("sex", "2", "0 or 1"),
        ("sex", "F", "0 or 1"),
        ("sex", "", "0 or 1"),
        ("age", "old", "years"),
    ],
)
def test_a_cell_that_means_nothing_in_its_column(folder, column, cell, expected):
    write(folder, row(**{column: cell}), row(ecg_id="2"))
    refused(folder, rf"ptbxl_database\.csv: found {column} .*; expected {expected}")


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("filename_lr", "/etc/passwd"),
        ("filename_lr", "../00001_lr"),
        ("filename_hr", "records500/../../00001_hr"),
    ],
)
def test_a_path_that_leads_out_of_the_data_set(folder, column, cell):
    write(folder, row(**{column: cell}), row(ecg_id="2"))
    refused(folder, rf"ptbxl_database\.csv: found .*{cell}'; expected a path inside the data set")


def test_an_age_may_be_empty_and_a_name_may_hold_two_dots(folder):
    write(folder, row(age="", filename_lr="records100/a..b"))
    assert manifest(folder).age.isna().all()


def test_a_record_that_is_listed_twice(folder):
    write(folder, row(), row(patient_id="18"))
    refused(folder, "found records more than once: 1; expected each record once")


@pytest.mark.parametrize(
    "cell",
    ["{'NORM': 100.0", "['NORM']", "'NORM'", "5", "", "NORM", "print('run')", "__import__('os')"],
)
def test_codes_that_are_no_dictionary_are_refused_and_never_run(folder, cell, capsys):
    write(folder, row(scp_codes=f'"{cell}"'))
    refused(folder, "found scp_codes .* of ecg_id 1; expected a dictionary of code: likelihood")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("cell", ["{" * 50_000, "[" * 50_000, "-" * 50_000 + "1", "9" * 50_000])
def test_codes_without_end_are_refused_in_a_line(folder, cell):
    write(folder, row(scp_codes=f'"{cell}"'))
    with pytest.raises(DatasetError, match=r"found scp_codes .* of ecg_id 1") as caught:
        manifest(folder)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("likelihood", ["True", "-1", "101", "1e999", "'100'", "None"])
def test_a_likelihood_that_is_no_percentage_is_refused(folder, likelihood):
    write(folder, row(scp_codes=f"\"{{'NORM': {likelihood}}}\""))
    refused(folder, "found scp_codes .* of ecg_id 1; expected a dictionary of code: likelihood")


def test_codes_that_the_statements_do_not_list(folder):
    write(folder, row(scp_codes="\"{'NORM': 1.0, 'NORN': 1.0, 'XYZ': 0.0}\""))
    refused(folder, r"found SCP codes NORN, XYZ; expected codes that scp_statements\.csv lists")


@pytest.mark.parametrize("folds", [("8", "9"), ("9", "10"), ("1", "10")])
def test_a_patient_in_two_splits(folder, folds):
    write(folder, *(row(ecg_id=str(n), strat_fold=fold) for n, fold in enumerate(folds)))
    refused(folder, "found patients in more than one split: 17; .*test would measure memory")


# The folder itself


def test_fetch_from_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere: found no such folder.*\(ptb-xl\.folder\)"):
        fetch(tmp_path / "nowhere", tmp_path / "raw")
    assert list(tmp_path.iterdir()) == []


def test_fetch_from_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DatasetError, match=r"empty: found no ptbxl_database\.csv, scp_statements\.csv"
    ):
        fetch(tmp_path / "empty", tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("inner", [None, "records100", "records100/00000", "00000"])
def test_fetch_from_a_folder_without_records(folder, inner):
    if inner:
        (folder / inner).mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"set: found no record \(\*\.hea\)"):
        fetch(folder, folder.with_name("raw"))
    assert not folder.with_name("raw").exists()


def test_a_fetch_that_fails_leaves_what_an_earlier_one_brought(folder, write_record, monkeypatch):
    for name in ("1", "2"):
        write_record(folder / "records100" / "00000" / name, [[0] * 12] * 5)
    raw = folder.with_name("raw")
    assert fetch(folder, raw) == 6

    def fill_the_disk(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ecglens.datasets.folders.os.link", fill_the_disk)
    monkeypatch.setattr(shutil, "copyfile", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        fetch(folder, raw)
    assert len(list(raw.rglob("*.dat"))) == 2
    assert sorted(path.name for path in folder.parent.iterdir()) == ["raw", "set"]
