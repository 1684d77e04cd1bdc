"""Every data set of the table keeps one contract; one that is missing here fails a test."""

from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from published import cinc_record, ludb, mimic, plain

from ecglens import params
from ecglens.datasets import DATASETS, get_dataset, record_files
from ecglens.datasets.tables import MANIFEST
from ecglens.errors import DatasetError, ParameterError
from ecglens.preparation import prepare
from ecglens.store import open_store

OWN_PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
RECORDS = 4


def publish_mimic(folder, recordings, write_record):
    studies = [
        (10000032 + k // 2, 40689238 + k, "2180-07-23 08:44:00", ["Sinus rhythm"], record)
        for k, record in enumerate(recordings[:RECORDS])
    ]
    return mimic(folder, studies)


def publish_cinc(folder, recordings, write_record):
    for number, record in enumerate(recordings[:RECORDS]):
        cinc_record(folder, "georgia", f"E{number:05d}", record)
    return folder


def publish_ludb(folder, recordings, write_record):
    rows = [(k + 1, "F", 51, {"Rhythms": "Sinus rhythm"}, r) for k, r in enumerate(recordings)]
    return ludb(folder, rows[:RECORDS])


def publish_plain(folder, recordings, write_record):
    names = {f"record{k}": record for k, record in enumerate(recordings[:RECORDS])}
    table = "file,patient_id,codes\n" + "".join(f"{name},{name},NORM\n" for name in names)
    return plain(folder, names, table, write_record)


PUBLISH = {
    "mimic-iv-ecg": publish_mimic,
    "cinc": publish_cinc,
    "ludb": publish_ludb,
    "plain-folder": publish_plain,
}


@pytest.fixture(params=sorted(DATASETS))
def dataset(request):
    return DATASETS[request.param]


@pytest.fixture
def raw(dataset, tmp_path, simulated_set, recordings, write_record):
    """The data set, as its stage fetch brings it."""
    if dataset.name == "simulated":
        options = asdict(params.load_params(OWN_PARAMS).simulated) | {"records": 100}
    elif dataset.name == "ptb-xl":
        options = {"folder": str(simulated_set)}
    else:
        folder = PUBLISH[dataset.name](tmp_path / "published", recordings, write_record)
        options = {"folder": str(folder)}
    dataset.fetch(tmp_path / "raw", options)
    return tmp_path / "raw"


def test_the_manifest_has_the_columns_that_every_stage_relies_on(dataset, raw):
    table = dataset.manifest(raw)
    assert tuple(table.columns[: len(MANIFEST)]) == MANIFEST
    assert table.record_id.is_unique and table.patient_id.notna().all()
    assert table.record_id.map(type).isin((int, str)).all()
    assert table.fold.isin(range(1, 11)).all()
    assert (table.groupby("patient_id").split.nunique() == 1).all()
    assert table.age.dtype == np.float64 and table.age.dropna().between(0, 90).all()
    assert set(table.sex.dropna()) <= {"male", "female"}
    assert all(isinstance(c, list) and all(isinstance(x, str) for x in c) for c in table.codes)
    assert dataset.vocabulary in ("scp", "mimic", "snomed")


def test_the_manifest_is_the_same_each_time_and_survives_parquet(dataset, raw, tmp_path):
    table = dataset.manifest(raw)
    assert table.equals(dataset.manifest(raw))
    table.to_parquet(tmp_path / "manifest.parquet", index=False)
    back = pd.read_parquet(tmp_path / "manifest.parquet")
    for name, column in table.items():
        lists = column.map(type).eq(list).all()
        assert (
            [list(x) for x in back[name]] == column.tolist() if lists else back[name].equals(column)
        )


def test_its_records_can_be_prepared(dataset, raw, tmp_path):
    table = dataset.manifest(raw)[:RECORDS]
    files = zip(table.record_id, record_files(table, 500), strict=True)
    rejected = prepare(raw, files, tmp_path / "signals", sampling_frequency=500, seconds=10.0)
    store = open_store(tmp_path / "signals")
    assert not len(rejected) and store.counts.shape == (RECORDS, 5000, 12)
    assert store.record_ids.tolist() == table.record_id.tolist()
    assert set(store.record_ids) <= set(table.record_id)


def test_what_a_data_set_offers_is_in_its_module(dataset):
    assert all(callable(getattr(dataset.module, name)) for name in dataset.offers)
    assert dataset.about


def test_params_knows_the_same_data_sets_and_has_a_section_for_each():
    assert tuple(DATASETS) == params.DATASETS
    sections = {field.name.replace("_", "-") for field in fields(params.Params)}
    assert set(DATASETS) <= sections


def test_a_data_set_that_is_not_in_the_table_is_refused_with_the_nearest():
    with pytest.raises(ParameterError, match='Did you mean "mimic-iv-ecg"'):
        get_dataset("mimic-ecg")


def test_record_files_are_those_of_the_rate_or_the_only_ones():
    both = pd.DataFrame({"file_100": ["a"], "file_500": ["b"]})
    assert record_files(both, 500).tolist() == ["b"]
    assert record_files(pd.DataFrame({"file": ["c"]}), 100).tolist() == ["c"]
    with pytest.raises(DatasetError, match="expected file_250 or file"):
        record_files(both, 250)
