"""MIMIC-IV-ECG: its units and lead order, its statements as written, folds by patient."""

import numpy as np
import pandas as pd
import pytest
import wfdb as reference
from published import MIMIC_LEADS, mimic

from ecglens.datasets import mimic_iv_ecg
from ecglens.datasets.splitting import fold_of
from ecglens.formats import wfdb
from ecglens.preparation import prepare
from ecglens.store import open_store

SINUS = ["Sinus rhythm", "Normal ECG"]
FLUTTER = ["Atrial flutter with rapid ventricular response", "*** Abnormal ECG ***"]
STUDIES = (  # subject, study, time, statements; two studies of one subject
    (10000032, 40689238, "2180-07-23 08:44:00", SINUS),
    (10000032, 44458630, "2182-01-01 00:01:00", FLUTTER),
    (10000117, 45090959, "2181-03-04 17:14:00", []),
    (10000117, 48446569, "2183-09-18 13:52:00", ["Sinus bradycardia"] * 18),
    (19999987, 41190887, "2146-11-03 09:00:00", ["Infarct, age undetermined; NA"]),
)


@pytest.fixture
def folder(tmp_path, recordings):
    studies = [(*study, record) for study, record in zip(STUDIES, recordings, strict=False)]
    return mimic(tmp_path / "published", studies)


def test_the_manifest_has_a_row_a_study_in_the_lists_order(folder):
    table = mimic_iv_ecg.manifest(folder)
    assert table.columns.tolist() == [
        "record_id", "patient_id", "fold", "split", "age", "sex", "codes", "file",
    ]  # fmt: skip
    assert table.record_id.tolist() == [study for _, study, *_ in STUDIES]
    assert table.patient_id.tolist() == [subject for subject, *_ in STUDIES]
    assert table.file[0] == "files/p1000/p10000032/s40689238/40689238"


def test_statements_stand_as_the_machine_wrote_them(folder):
    codes = mimic_iv_ecg.manifest(folder).codes.tolist()
    assert codes == [statements for *_, statements in STUDIES]
    assert len(codes[3]) == 18


def test_statements_go_by_study_and_not_by_row(folder):
    path = folder / "machine_measurements.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n")
    codes = mimic_iv_ecg.manifest(folder).codes.tolist()
    assert codes == [statements for *_, statements in STUDIES]


def test_a_measurement_without_a_record_is_no_record(folder):
    path = folder / "record_list.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:3]) + "\n")
    assert mimic_iv_ecg.manifest(folder).record_id.tolist() == [40689238, 44458630]


def test_folds_follow_from_the_subject(folder):
    table = mimic_iv_ecg.manifest(folder)
    assert table.fold.tolist() == [fold_of(subject) for subject, *_ in STUDIES]
    assert (table.groupby("patient_id").split.nunique() == 1).all()


def test_age_and_sex_are_unknown_without_the_table_of_patients(folder):
    table = mimic_iv_ecg.manifest(folder)
    assert table.age.isna().all() and table.sex.isna().all()


def test_age_is_the_anchors_plus_the_years_to_the_study(tmp_path, recordings):
    studies = [(*study, record) for study, record in zip(STUDIES, recordings, strict=False)]
    patients = [(10000032, "F", 52, 2180), (10000117, "M", 87, 2180)]
    table = mimic_iv_ecg.manifest(mimic(tmp_path / "set", studies, patients=patients))
    assert table.age[:4].tolist() == [52, 54, 88, 90]  # 90 stands for everyone over 89
    assert table.sex[:4].tolist() == ["female", "female", "male", "male"]
    assert table.loc[4, ["age", "sex"]].isna().all()  # a subject that the table does not know


def test_signals_are_the_originals_to_half_a_unit_by_lead_name(tmp_path, signals):
    studies = [(*study, record) for study, record in zip(STUDIES, signals, strict=False)]
    folder = mimic(tmp_path / "set", studies)
    table = mimic_iv_ecg.manifest(folder)
    for file, original in zip(table.file, signals, strict=False):
        record = wfdb.read(folder / file)
        assert (record.sampling_frequency, record.duration) == (500, 10)
        assert np.abs(record.signal - original.signal).max() <= 0.5 / 200 + 1e-6  # mV
        package = reference.rdrecord(str(folder / file))
        assert tuple(package.sig_name) == MIMIC_LEADS and package.adc_gain == [200.0] * 12
        avf = package.p_signal[:, package.sig_name.index("aVF")]
        assert np.allclose(record.signal[:, 5], avf, atol=1e-6)


def test_the_whole_way_to_prepared_arrays(folder, tmp_path, recordings):
    mimic_iv_ecg.fetch(folder, tmp_path / "raw")
    table = mimic_iv_ecg.manifest(tmp_path / "raw")
    files = zip(table.record_id, table.file, strict=True)
    prepare(tmp_path / "raw", files, tmp_path / "signals", sampling_frequency=500, seconds=10.0)
    store = open_store(tmp_path / "signals")
    assert store.record_ids.tolist() == table.record_id.tolist()
    assert np.abs(store.millivolts(np.arange(2))[1] - recordings[1].signal).max() <= 0.0031


def test_fetch_brings_the_layout_and_nothing_else(folder, tmp_path):
    (folder / "index.html").write_text("from the download")
    (folder / "files" / "robots.txt").write_text("from the download")
    assert mimic_iv_ecg.fetch(folder, tmp_path / "raw") == 2 + 2 * len(STUDIES)
    brought = {path.name for path in (tmp_path / "raw").rglob("*")}
    assert not brought & {"index.html", "robots.txt"}
    record = "files/p1000/p10000032/s40689238/40689238.dat"
    assert (tmp_path / "raw" / record).stat().st_ino == (folder / record).stat().st_ino


def test_the_manifest_survives_parquet(folder, tmp_path):
    table = mimic_iv_ecg.manifest(folder)
    table.to_parquet(tmp_path / "manifest.parquet", index=False)
    back = pd.read_parquet(tmp_path / "manifest.parquet")
    assert [list(codes) for codes in back.codes] == table.codes.tolist()
    assert back.drop(columns="codes").equals(table.drop(columns="codes"))
