"""Bad records and folders of every data set: named, with what was expected; nothing is made."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published import annotate, cinc_record
from sound_sets import RECORDS, SETS, TABLE, publish

from ecglens.datasets import cinc, get_dataset, record_files
from ecglens.datasets import ludb as ludb_module
from ecglens.datasets.folders import link_folder
from ecglens.datasets.tables import finish
from ecglens.errors import DatasetError, ECGLensError, ParameterError, RecordError
from ecglens.preparation import prepare
from ecglens.record import Record
from ecglens.store import open_store


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
