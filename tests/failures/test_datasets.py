"""Bad input to every data set: what was found, where, and what was expected; nothing is made."""

import contextlib
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published import annotate, cinc_record, ludb, mimic, plain, ptb_xl

from ecglens.datasets import cinc, get_dataset, record_files
from ecglens.datasets import ludb as ludb_module
from ecglens.datasets.folders import link_folder
from ecglens.datasets.tables import finish, read_table
from ecglens.errors import DatasetError, ECGLensError, ParameterError, RecordError
from ecglens.preparation import prepare
from ecglens.record import Record
from ecglens.store import open_store

SETS = ("ptb-xl", "mimic-iv-ecg", "cinc", "ludb", "plain-folder")
TABLE = {
    "ptb-xl": "ptbxl_database.csv",
    "mimic-iv-ecg": "record_list.csv", "ludb": "ludb.csv", "plain-folder": "labels.csv",
}  # fmt: skip
# A second's noise: what is wrong with a file does not depend on how long it is.
RECORDS = [
    Record(np.random.default_rng(k).normal(size=(500, 12)).astype(np.float32), 500, "noise")
    for k in range(3)
]


def publish(name, folder, write_record):
    """Write three records of a data set, two of them of one patient where it says so."""
    if name == "ptb-xl":
        patients, folds = (7, 7, 8), (1, 2, 9)
        rows = [
            (k + 1, patients[k], f"{50 + k}.0", 0, {"NORM": 100.0}, folds[k], record)
            for k, record in enumerate(RECORDS)
        ]
        return ptb_xl(folder, rows, write_record)
    if name == "mimic-iv-ecg":
        subjects = (10000032, 10000032, 10000117)
        studies = [
            (subject, 40000001 + k, "2180-07-23 08:44:00", ["Sinus rhythm"], RECORDS[k])
            for k, subject in enumerate(subjects)
        ]
        return mimic(folder, studies)
    if name == "cinc":
        for k, record in enumerate(RECORDS):
            cinc_record(folder, "georgia", f"E0000{k}", record)
        return folder
    if name == "ludb":
        return ludb(folder, [(k + 1, "F", 50 + k, {}, r) for k, r in enumerate(RECORDS)])
    table = "file,patient_id,codes,age,fold\na,7,NORM,50,1\nb,7,AFIB,51,2\nc,8,NORM,52,9\n"
    return plain(folder, dict(zip("abc", RECORDS, strict=True)), table, write_record)


@pytest.fixture(params=SETS)
def name(request):
    return request.param


@pytest.fixture
def folder(name, tmp_path, write_record):
    return publish(name, tmp_path / "published", write_record)


def prepared(name, folder, target, **options):
    table = get_dataset(name).manifest(folder)
    files = zip(table.record_id, record_files(table, 500), strict=True)
    return prepare(folder, files, target, sampling_frequency=500, seconds=1.0, **options)


def first_header(folder):
    return min(folder.rglob("*.hea"))


def signal_file(header):
    return next(p for p in header.parent.glob(f"{header.stem}.*") if p.suffix in (".dat", ".mat"))


# What is wrong with a record's files


def remove_signal(header):
    signal_file(header).unlink()


def truncate_signal(header):
    path = signal_file(header)
    path.write_bytes(path.read_bytes()[:-24])


def lengthen_signal(header):
    path = signal_file(header)
    path.write_bytes(path.read_bytes() + b"\0" * 24)


def flip_a_bit(header):
    data = bytearray(signal_file(header).read_bytes())
    data[-100] ^= 1
    signal_file(header).write_bytes(data)


def rewrite(pattern, replacement, count=0):
    def change(header):
        text = re.sub(pattern, replacement, header.read_text(), count=count, flags=re.MULTILINE)
        assert text != header.read_text()
        header.write_text(text)

    return change


def drop_a_lead(header):
    lines = header.read_text().splitlines()
    last = max(k for k, line in enumerate(lines) if line.lower().endswith(" v6"))
    lines[0] = lines[0].replace(" 12 ", " 11 ", 1)
    header.write_text("\n".join(lines[:last] + lines[last + 1 :]) + "\n")


DAMAGE = {
    "no signal file": (remove_signal, "no such file"),
    "a truncated signal file": (truncate_signal, "truncated"),
    "a signal file too long": (lengthen_signal, "bytes"),
    "a wrong checksum": (flip_a_bit, "checksum"),
    "a path that leads out": (rewrite(r"^(\S+)\.(dat|mat) ", r"../\1.\2 "), "own folder"),
    "a missing file's name": (rewrite(r"^\S+\.(dat|mat) ", r"gone.\1 "), "no such file"),
    "eleven leads": (drop_a_lead, "without V6"),
    "an unknown lead": (rewrite(r" [vV]6$", " VX"), "unknown lead names 'VX'"),
    "a doubled lead": (rewrite(r" [vV]6$", " V5"), "lead V5 more than once"),
    "a unit of pressure": (rewrite("/mV", "/mmHg"), "the unit 'mmHg'"),
    "a gain of zero": (rewrite(r"^(\S+ \S+) [\d.]+(?=[(/])", r"\1 0"), "above zero"),
    "another rate": (rewrite(" 12 500 500", " 12 250 500"), "250 Hz; expected 500 Hz"),
    "10^9 samples": (rewrite(" 12 500 500", " 12 500 1000000000"), "bytes"),
    "an empty header": (lambda header: header.write_text(""), "empty header|no diagnosis"),
    "a header of bytes": (lambda header: header.write_bytes(b"\xff\xfe\0"), "not text"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_stops_the_work_and_is_named(name, folder, tmp_path, damage):
    change, message = DAMAGE[damage]
    header = first_header(folder)
    change(header)
    with pytest.raises(ECGLensError, match=message) as caught:
        prepared(name, folder, tmp_path / "signals")
    if "no diagnosis" not in str(caught.value):
        assert isinstance(caught.value, RecordError)
    assert str(header.parent) in caught.value.source
    assert not (tmp_path / "signals").exists()


def test_a_damaged_record_can_be_left_out_and_is_listed(name, folder, tmp_path):
    flip_a_bit(first_header(folder))
    rejected = prepared(name, folder, tmp_path / "signals", unreadable="skip")
    store = open_store(tmp_path / "signals")
    assert len(store.record_ids) == 2 and len(rejected) == 1
    assert "checksum" in rejected.error[0]


def test_another_unit_is_scaled_and_not_guessed(name, folder, tmp_path):
    prepared(name, folder, tmp_path / "before")
    rewrite("/mV", "/V")(first_header(folder))
    with pytest.raises(RecordError, match="values within"):
        prepared(name, folder, tmp_path / "signals")
    rewrite("/V", "/uV")(first_header(folder))
    prepared(name, folder, tmp_path / "signals")
    before, after = (open_store(tmp_path / s).counts[0] for s in ("before", "signals"))
    assert np.abs(after - before / 1000).max() <= 0.51


def test_leads_in_another_order_come_by_name(name, folder, tmp_path):
    prepared(name, folder, tmp_path / "before")
    header = first_header(folder)
    # Leads I and V6 change their names, and so their places.
    first, last = ("i", "v6") if name == "ludb" else ("I", "V6")
    for old, new in ((first, "X"), (last, first), ("X", last)):
        rewrite(rf" {old}$", f" {new}")(header)
    prepared(name, folder, tmp_path / "signals")
    before, after = (open_store(tmp_path / s).counts[0] for s in ("before", "signals"))
    assert np.array_equal(after[:, [0, 11]], before[:, [11, 0]])
    assert np.array_equal(after[:, 1:11], before[:, 1:11])


def test_flat_and_missing_leads_are_listed(tmp_path):
    signal = RECORDS[0].signal.copy()
    signal[:, 3] = 0
    cinc_record(tmp_path, "georgia", "E1", Record(signal, 500, "x"))
    prepared("cinc", tmp_path, tmp_path / "signals")
    flags = pd.read_csv(tmp_path / "signals" / "records.csv").quality_flags
    assert "flat:aVR" in flags[0]


# What is wrong with a folder


def test_a_folder_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(DatasetError, match=r"absent: found no such folder.*\.folder\)"):
        get_dataset(name).fetch(tmp_path / "raw", {"folder": str(tmp_path / "absent")})
    assert not (tmp_path / "raw").exists()


def test_an_empty_folder_is_refused_with_what_should_be_in_it(name, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=rf"empty: found no .*{TABLE.get(name, 'training/')}"):
        get_dataset(name).fetch(tmp_path / "raw", {"folder": str(tmp_path / "empty")})
    with pytest.raises(DatasetError, match=TABLE.get(name, "training/")):
        get_dataset(name).manifest(tmp_path / "empty")
    assert not (tmp_path / "raw").exists()


def test_a_folder_without_records_is_refused(tmp_path):
    (tmp_path / "training" / "georgia").mkdir(parents=True)
    with pytest.raises(DatasetError, match="no record"):
        cinc.manifest(tmp_path)
    with pytest.raises(DatasetError, match="none of the data set's files"):
        cinc.fetch(tmp_path, tmp_path.with_name("raw"))


def test_an_unknown_set_is_refused_with_the_nearest(tmp_path):
    cinc_record(tmp_path, "georgia", "E1", RECORDS[0])
    with pytest.raises(ParameterError, match=r'cinc\.sets: found .*Did you mean "georgia"'):
        cinc.fetch(tmp_path, tmp_path.with_name("raw"), sets=["gorgia"])


@pytest.mark.parametrize("target", ["published", "published/raw", "."])
def test_a_folder_is_not_brought_into_itself(tmp_path, target):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "a.dat").write_text("kept")
    with pytest.raises(DatasetError, match=r"holds .* or lies in it"):
        link_folder(tmp_path / "published", tmp_path / target, lambda path: True, "")
    assert (tmp_path / "published" / "a.dat").read_text() == "kept"


def test_a_link_to_nothing_is_named(tmp_path):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "a.dat").symlink_to(tmp_path / "gone")
    with pytest.raises(DatasetError, match=r"a\.dat: found a link to nothing"):
        link_folder(tmp_path / "published", tmp_path / "raw", lambda path: True, "")
    assert not (tmp_path / "raw").exists()


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
    ("ptb-xl", "ptbxl_database.csv", "8.0", "eight", "patient_id eight"),
    ("ptb-xl", "ptbxl_database.csv", "51.0", '"51,0"', "age 51,0; expected years"),
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
def test_a_table_that_is_none_is_refused(name, folder, content):
    file = folder / TABLE.get(name, "labels.csv")
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


# What is wrong with comments and annotations


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dx": ""}, r"no diagnosis \(# Dx\)"),
        ({"dx": None}, r"no diagnosis \(# Dx\)"),
        ({"dx": "AFIB"}, "the diagnosis 'AFIB'"),
        ({"dx": "426783006;164889003"}, "the diagnosis '426783006;164889003'"),
        ({"dx": "Unknown"}, "the diagnosis 'Unknown'"),
        ({"age": "51,5"}, "Age '51,5'.*E1.*with a point"),
        ({"age": "old"}, "Age 'old'"),
        ({"age": "-3"}, "Age '-3'"),
        ({"age": "inf"}, "Age 'inf'"),
        ({"sex": "Frau"}, r"Sex 'Frau' \(the first in training/georgia/g1/E1\)"),
    ],
)
def test_a_comment_that_means_nothing_is_refused(tmp_path, options, message):
    cinc_record(tmp_path, "georgia", "E1", RECORDS[0], **options)
    with pytest.raises(DatasetError, match=f"(?i){message}"):
        cinc.manifest(tmp_path)


def test_a_record_in_two_sets_is_refused(tmp_path):
    for set_ in ("georgia", "ningbo"):
        cinc_record(tmp_path, set_, "E1", RECORDS[0])
    with pytest.raises(DatasetError, match="records more than once: E1"):
        cinc.manifest(tmp_path)


@pytest.fixture
def lobachevsky(tmp_path, write_record):
    return publish("ludb", tmp_path / "published", write_record)


def test_a_missing_annotation_file_is_named(lobachevsky):
    (lobachevsky / "data" / "1.avl").unlink()
    with pytest.raises(RecordError, match=r"1\.avl: found no such file"):
        ludb_module.delineation(lobachevsky, 1)


def test_a_mark_that_is_no_wave_is_refused(lobachevsky):
    annotate(lobachevsky / "data" / "1", "v1", "(V)", [10, 20, 30])
    with pytest.raises(RecordError, match=r"1\.v1: found the marks V"):
        ludb_module.delineation(lobachevsky, 1)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(junk=st.binary(max_size=60))
def test_annotations_of_any_bytes_are_read_or_refused(lobachevsky, junk):
    (lobachevsky / "data" / "1.i").write_bytes(junk)
    try:
        table = ludb_module.delineation(lobachevsky, 1)
    except RecordError as error:
        assert error.source.endswith("1.i")
    else:
        assert (table.peak >= 0).all()


# What no data set may hand on


ROW = {"record_id": [1], "patient_id": [1], "age": [50], "sex": ["male"], "codes": [[]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"record_id": [1, 1], "patient_id": [1, 1]}, "records more than once: 1"),
        ({"record_id": [1, 2], "patient_id": [7, 7], "fold": [1, 10]}, "more than one split: 7"),
        ({"fold": [0]}, "fold 0"),
        ({"fold": [1.5]}, "fold 1.5"),
        ({"patient_id": [None]}, "no patient for record 1"),
        ({"file": ["a/../../b"]}, "path inside"),
        ({"file": [r"a\..\..\b"]}, "path inside"),
        ({"file": [None]}, "path inside"),
    ],
)
def test_the_manifest_of_any_data_set_is_checked(change, message):
    rows = {**ROW, "file": ["a"], **change}
    longest = max(len(column) for column in rows.values())
    table = pd.DataFrame({name: (column * 2)[:longest] for name, column in rows.items()})
    with pytest.raises(DatasetError, match=message):
        finish(table, "a set")


def test_a_manifest_without_records_is_refused():
    table = pd.DataFrame({**ROW, "file": ["a"]})[:0]
    with pytest.raises(DatasetError, match="no records"):
        finish(table, "a set")
