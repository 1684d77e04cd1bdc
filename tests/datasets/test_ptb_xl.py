"""PTB-XL's layout: a manifest of one row a record, and the folder brought in without copies."""

import shutil

import numpy as np
import pandas as pd
import pytest

from ecglens.datasets.ptb_xl import fetch, manifest
from ecglens.formats import wfdb

HEADER = "ecg_id,patient_id,age,sex,scp_codes,strat_fold,filename_lr,filename_hr"


@pytest.fixture
def small_set(tmp_path, write_record):
    """Two records of two patients, written by hand."""
    folder = tmp_path / "published"
    for number in (1, 2):
        counts = np.random.default_rng(number).integers(-999, 999, (1000, 12))
        write_record(folder / "records100" / "00000" / f"{number:05d}_lr", counts)
    rows = [
        "2,17.0,300.0,1,\"{'NORM': 100.0, 'SR': 0.0}\",9,"
        "records100/00000/00002_lr,records500/00000/00002_hr",
        "1,15709.0,56.0,0,\"{'CLBBB': 0.0}\",3,records100/00000/00001_lr,records500/00000/00001_hr",
    ]
    (folder / "ptbxl_database.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    (folder / "scp_statements.csv").write_text(",description\nNORM,a\nSR,b\nCLBBB,c\n")
    return folder


def test_the_manifest_has_a_row_a_record_in_the_tables_order(small_set):
    table = manifest(small_set)
    assert table.columns.tolist() == [
        "record_id", "patient_id", "fold", "split", "age", "sex", "codes", "likelihoods",
        "file_100", "file_500",
    ]  # fmt: skip
    assert table.record_id.tolist() == [2, 1] and table.patient_id.tolist() == [17, 15709]
    assert table.fold.tolist() == [9, 3] and table.split.tolist() == ["validation", "train"]
    assert table.sex.tolist() == ["female", "male"]
    assert table.codes.tolist() == [["NORM", "SR"], ["CLBBB"]]
    assert table.likelihoods.tolist() == [[100.0, 0.0], [0.0]]
    assert table.file_100[1] == "records100/00000/00001_lr"
    assert table.file_500[1] == "records500/00000/00001_hr"


def test_the_age_300_that_stands_for_over_89_becomes_90(small_set):
    assert manifest(small_set).age.tolist() == [90.0, 56.0]


def test_the_manifest_survives_parquet(small_set, tmp_path):
    table = manifest(small_set)
    table.to_parquet(tmp_path / "manifest.parquet", index=False)
    back = pd.read_parquet(tmp_path / "manifest.parquet")
    lists = ["codes", "likelihoods"]
    for name in lists:
        assert [list(cell) for cell in back[name]] == table[name].tolist()
    assert back.drop(columns=lists).equals(table.drop(columns=lists))


def test_the_simulated_set_is_in_the_same_layout(simulated_set):
    table = manifest(simulated_set)
    assert len(table) == 300 and table.record_id.is_unique
    assert (table.groupby("patient_id").split.nunique() == 1).all()
    for rate in (100, 500):
        record = wfdb.read(simulated_set / table[f"file_{rate}"][7])
        assert (record.sampling_frequency, record.duration) == (rate, 10)


# Fetch


def test_fetch_brings_records_and_tables_as_links_and_not_as_copies(small_set, tmp_path):
    assert fetch(small_set, tmp_path / "raw") == 2 * 2 + 2
    found = sorted(p.relative_to(tmp_path / "raw") for p in (tmp_path / "raw").rglob("*.*"))
    assert found == sorted(p.relative_to(small_set) for p in small_set.rglob("*.*"))
    for path in found:
        assert (tmp_path / "raw" / path).stat().st_ino == (small_set / path).stat().st_ino
    assert manifest(tmp_path / "raw").equals(manifest(small_set))


def test_fetch_copies_where_the_disk_cannot_link(small_set, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("ecglens.datasets.folders.os.link", refuse)
    fetch(small_set, tmp_path / "raw")
    name = "records100/00000/00001_lr.dat"
    assert (tmp_path / "raw" / name).read_bytes() == (small_set / name).read_bytes()
    assert (tmp_path / "raw" / name).stat().st_ino != (small_set / name).stat().st_ino


def test_fetch_follows_symbolic_links_in_the_source(small_set, tmp_path):
    shutil.copytree(small_set, tmp_path / "real")
    shutil.rmtree(small_set / "records100")
    (small_set / "records100").symlink_to(tmp_path / "real" / "records100")
    fetch(small_set, tmp_path / "raw")
    path = tmp_path / "raw" / "records100" / "00000" / "00001_lr.dat"
    assert path.is_file() and not path.is_symlink()
    assert not (tmp_path / "raw" / "records100").is_symlink()


def test_fetch_replaces_what_an_earlier_fetch_brought(small_set, tmp_path):
    (tmp_path / "raw" / "records500").mkdir(parents=True)
    (tmp_path / "raw" / "records500" / "old.dat").write_text("old")
    fetch(small_set, tmp_path / "raw")
    assert not (tmp_path / "raw" / "records500").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published", "raw"]


def test_fetch_brings_nothing_but_the_layout(small_set, tmp_path):
    (small_set / "notes.txt").write_text("mine")
    (small_set / "records100" / "00000" / "index.html").write_text("from the download")
    fetch(small_set, tmp_path / "raw")
    names = {path.name for path in (tmp_path / "raw").rglob("*")}
    assert not names & {"notes.txt", "index.html"}


# The real set


@pytest.fixture(scope="module")
def real(ptb_xl):
    return manifest(ptb_xl)


def test_ptb_xl_has_21799_records_of_18869_patients(real):
    assert len(real) == 21799 and real.record_id.is_unique
    assert real.patient_id.nunique() == 18869


def test_ptb_xls_folds_are_ten_of_equal_size_and_no_patient_is_in_two(real):
    assert sorted(real.fold.unique()) == list(range(1, 11))
    assert real.fold.value_counts().between(2170, 2200).all()
    assert (real.groupby("patient_id").fold.nunique() == 1).all()
    assert real.split.value_counts().to_dict() == {
        "train": 17418, "validation": 2183, "test": 2198,
    }  # fmt: skip


def test_ptb_xls_ages_and_sexes_are_the_published_ones(real):
    # Wagner et al. 2020: 52 % male, median age 62, interquartile range 22.
    assert round((real.sex == "male").mean(), 2) == 0.52
    quartiles = real.age.quantile([0.25, 0.5, 0.75]).tolist()
    assert quartiles[1] == 62 and quartiles[2] - quartiles[0] == 22
    assert real.age.between(0, 95).all()


def test_ptb_xls_paths_lead_to_its_records(real, ptb_xl):
    rows = real[real.file_100.str.startswith("records100/21000/")]
    assert len(rows) == 838
    for row in rows[::100].itertuples():
        record = wfdb.read(ptb_xl / row.file_100)
        assert record.name == f"{row.record_id:05d}_lr"
        assert (record.sampling_frequency, record.duration) == (100, 10)


def test_ptb_xls_limb_leads_obey_einthoven(real, ptb_xl):
    rows = real[real.file_100.str.startswith("records100/21000/")][:30]
    for path in rows.file_100:
        one, two, three, avr, avl, avf = wfdb.read(ptb_xl / path).signal.T[:6]
        assert np.abs(three - (two - one)).max() <= 0.0025  # mV; each lead was rounded by itself
        for lead, sum_of in ((avr, -(one + two)), (avl, one - three), (avf, two + three)):
            assert np.abs(lead - sum_of / 2).max() <= 0.0025
