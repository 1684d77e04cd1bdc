"""Bad tables of every data set: what was found, where, and what was expected."""

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import mimic
from sound_sets import RECORDS, SETS, TABLE, publish

from ecglens.datasets import get_dataset
from ecglens.datasets.tables import read_table
from ecglens.errors import DatasetError, ECGLensError

# What is wrong with a table


def edit(folder, file, old, new, count=-1):
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


TABLE_FAULTS = [  # data set, file, what becomes what, message
    ("ptb-xl", "ptbxl_database.csv", "strat_fold", "fold", "no column strat_fold"),
    ("ptb-xl", "ptbxl_database.csv", "\n2,", "\n1,", "records more than once: 1"),
    ("ptb-xl", "ptbxl_database.csv", "\n2,7.0", "\n2,8.0", "more than one split: 8"),
    ("ptb-xl", "ptbxl_database.csv", "8.0", "eight", "patient_id 'eight'"),
    ("ptb-xl", "ptbxl_database.csv", "51.0", '"51,0"', "age '51,0' .*expected years"),
    ("ptb-xl", "ptbxl_database.csv", ",9,", ",11,", "strat_fold 11"),
    ("ptb-xl", "ptbxl_database.csv", "NORM", "NROM", "SCP codes NROM"),
    ("ptb-xl", "ptbxl_database.csv", "{'NORM': 100.0}", "NORM", "a dictionary of code"),
    ("ptb-xl", "ptbxl_database.csv", "records500", "../records500", "path inside"),
    ("ptb-xl", "ptbxl_database.csv", ",", ";", "semicolons"),
    ("mimic-iv-ecg", "record_list.csv", "study_id", "studyid", "no column study_id"),
    ("mimic-iv-ecg", "record_list.csv", "40000002", "40000001", "records more than once: 40000001"),
    ("mimic-iv-ecg", "record_list.csv", "10000117", "ten", "subject_id 'ten'"),
    ("mimic-iv-ecg", "record_list.csv", ",files/", ",../files/", "path inside"),
    ("mimic-iv-ecg", "record_list.csv", ",files/", ",/files/", "path inside"),
    ("mimic-iv-ecg", "record_list.csv", ",", ";", "columns separated by semicolons.*commas"),
    ("mimic-iv-ecg", "machine_measurements.csv", "report_17", "r17", "no column report_17"),
    ("mimic-iv-ecg", "machine_measurements.csv", "40000003", "40000009",
     "no row for 1 records, the first of them study 40000003"),
    ("mimic-iv-ecg", "machine_measurements.csv", "40000003", "40000002", "study 40000002 more"),
    ("ludb", "ludb.csv", "Rhythms", "Rhythm", "no column Rhythms"),
    ("ludb", "ludb.csv", "\n3,", "\n2,", "records more than once: 2"),
    ("ludb", "ludb.csv", "50\n", "50,5\n", r"Age '50,5' \(the first in 1\).*with a point"),
    ("ludb", "ludb.csv", "50\n", "-4\n", "Age '-4'"),
    ("ludb", "ludb.csv", "50\n", "500\n", "Age '500'"),
    ("ludb", "ludb.csv", "F\n", "W\n", "Sex 'W"),
    ("plain-folder", "labels.csv", "patient_id", "patient", "no column patient_id"),
    ("plain-folder", "labels.csv", "c,8,", "a,8,", "records more than once: a"),
    ("plain-folder", "labels.csv", "b,7,AFIB,51,2", "b,7,AFIB,51,9",
     "patients in more than one split: 7"),
    ("plain-folder", "labels.csv", "AFIB,51,2", "AFIB,51,11", "fold 11"),
    ("plain-folder", "labels.csv", "AFIB,51,2", "AFIB,51,", "fold 'nothing'"),
    ("plain-folder", "labels.csv", "b,7,AFIB", "b,,AFIB", "no patient for record b"),
    ("plain-folder", "labels.csv", "b,7,AFIB", "b,7,", "no codes for record b.*Write 'none'"),
    ("plain-folder", "labels.csv", "AFIB", "none;AFIB", "codes or none"),
    ("plain-folder", "labels.csv", "b,7", ",7", "path inside"),
    ("plain-folder", "labels.csv", "b,7", "../b,7", "path inside"),
    ("plain-folder", "labels.csv", "b,7", "C:\\b,7", "path inside"),
    ("plain-folder", "labels.csv", "51", '"51,5"', "age '51,5' .*with a point"),
    ("plain-folder", "labels.csv", "51", "51,5", "cannot be read.*with a point"),
    ("plain-folder", "labels.csv", ",", ";", "semicolons"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "old", "new", "message"), TABLE_FAULTS)
def test_a_table_with_a_fault_is_refused(tmp_path, write_record, name, file, old, new, message):
    folder = publish(name, tmp_path / "published", write_record)
    edit(folder, file, old, new)
    with pytest.raises(DatasetError, match=f"(?s){re.escape(str(folder / file))}.*{message}"):
        get_dataset(name).manifest(folder)


def test_decimal_commas_in_every_row_shift_no_column(tmp_path, write_record):
    # pandas would take the first column for an index, or drop the last, and say nothing.
    folder = publish("plain-folder", tmp_path / "published", write_record)
    table = folder / "labels.csv"
    table.write_text(re.sub(r",(5\d),", r",\1,5,", table.read_text()))
    with pytest.raises(DatasetError, match=r"cannot be read.*with a point"):
        get_dataset("plain-folder").manifest(folder)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"a,b\n", b'a,"b\n'])
@pytest.mark.parametrize("name", SETS)
def test_a_table_that_is_none_is_refused(tmp_path, write_record, name, content):
    file = publish(name, tmp_path / "published", write_record) / TABLE.get(name, "labels.csv")
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=re.escape(str(file))):
        read_table(file, ["record_id"])


def test_a_folder_where_a_table_should_be_is_refused(tmp_path):
    (tmp_path / "labels.csv").mkdir()
    with pytest.raises(DatasetError, match=r"labels\.csv"):
        read_table(tmp_path / "labels.csv", ["file"])


@pytest.mark.parametrize(
    ("patients", "message"),
    [
        ([(10000032, "F", 52, 2180), (10000032, "F", 52, 2180)], "subject 10000032 more than once"),
        ([(10000032, "X", 52, 2180)], "gender 'X'"),
        ([(10000032, "F", "old", 2180)], "anchor_age 'old'"),
        ([(10000032, "F", 52, "")], "anchor_year 'nothing'"),
    ],
)
def test_a_table_of_patients_with_a_fault_is_refused(tmp_path, patients, message):
    study = (10000032, 40000001, "2180-07-23 08:44:00", [], RECORDS[0])
    with pytest.raises(DatasetError, match=f"patients.csv.*{message}"):
        get_dataset("mimic-iv-ecg").manifest(mimic(tmp_path / "set", [study], patients=patients))


def test_a_study_without_a_time_has_no_age_to_be_found(tmp_path):
    studies = [(10000032, 40000001, "yesterday", [], RECORDS[0])]
    folder = mimic(tmp_path / "set", studies, patients=[(10000032, "F", 52, 2180)])
    with pytest.raises(DatasetError, match="ecg_time 'yesterday'"):
        get_dataset("mimic-iv-ecg").manifest(folder)


JUNK = st.sampled_from([*",;\"'\n\0 #{}/", "..", "-1", "nan", "1,5", "1e309", "9" * 5000, "\ufeff"])
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), JUNK), min_size=1, max_size=4)
MUTATED = [
    ("ptb-xl", "ptbxl_database.csv"),
    ("ptb-xl", "scp_statements.csv"),
    ("mimic-iv-ecg", "record_list.csv"),
    ("mimic-iv-ecg", "machine_measurements.csv"),
    ("ludb", "ludb.csv"),
    ("plain-folder", "labels.csv"),
    ("cinc", "training/georgia/g1/E00000.hea"),
]


@pytest.mark.parametrize(("name", "file"), MUTATED)
def test_a_table_with_any_damage_is_read_or_refused(tmp_path, write_record, name, file):
    folder = publish(name, tmp_path / "published", write_record)
    original = (folder / file).read_text()

    @settings(max_examples=40, deadline=None)
    @given(EDITS)
    def run(edits):
        text = original
        for place, removed, junk in edits:
            start = round(place * len(text))
            text = text[:start] + junk + text[start + removed :]
        (folder / file).write_text(text)
        with contextlib.suppress(ECGLensError):
            table = get_dataset(name).manifest(folder)
            assert table.record_id.is_unique and table.fold.isin(range(1, 11)).all()

    run()
