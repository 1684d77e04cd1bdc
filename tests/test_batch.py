"""Many records into one table: the numbers of one at a time, errors in rows, and no history."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from ecglens import batch
from ecglens.batch import Item, find_records, predict_table, read_manifest
from ecglens.cli import main
from ecglens.cluster import Workers
from ecglens.errors import DatasetError, ParameterError
from ecglens.inference import Predictor
from ecglens.preparation import prepare

ALONE = Workers(1)


@pytest.fixture(scope="module")
def folder(simulated_set, tmp_path_factory):
    """Twelve records in WFDB, one that is damaged, and what is no record."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(1, 13):
        for ending in ("hea", "dat"):
            name = f"records100/00000/{number:05d}_lr.{ending}"
            shutil.copy(simulated_set / name, folder / Path(name).name)
    damaged = folder / "00007_lr.dat"
    damaged.write_bytes(damaged.read_bytes()[:-2])
    (folder / "RECORDS").write_text("00001_lr\n")
    return folder


@pytest.fixture(scope="module")
def store(simulated_set, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "signals"
    files = [(n, f"records100/00000/{n:05d}_lr") for n in range(1, 13)]
    prepare(simulated_set, files, folder, sampling_frequency=100, seconds=10.0)
    return folder


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def predicted(exported, items, table, workers=ALONE, **asking):
    return predict_table(exported.file, items, table, workers, {}, asking)


def test_a_table_has_the_numbers_of_one_record_at_a_time(exported, folder, tmp_path):
    count = predicted(exported, find_records([folder]), tmp_path / "all.csv")
    assert (count.records, count.failed) == (12, 1)
    predictor = Predictor(exported.file)
    for row in rows_of(tmp_path / "all.csv"):
        if row["record_id"] == "00007_lr":
            assert "00007_lr.dat: found truncated" in row["error"] and row["NORM_logit"] == ""
            continue
        expected = predictor.predict(row["file"]).to_dict()
        for label, values in expected["labels"].items():
            found = {of: row[f"{label}_{of}"] for of in batch.OF_LABEL}
            assert found == {of: str(values[of]) for of in batch.OF_LABEL}, "to the last digit"
        assert row["warnings"] == "; ".join(expected["warnings"])
        assert (row["run_id"], row["data_version"]) == ("run 1", "data 1")


def test_each_row_adds_up(exported, folder, tmp_path):
    predicted(exported, find_records([folder / "00001_lr"]), tmp_path / "one.csv")
    (row,) = rows_of(tmp_path / "one.csv")
    for label in exported.card.labels:
        total = float(row[f"{label}_attribution_sum"]) + float(row[f"{label}_bias"])
        assert total == pytest.approx(float(row[f"{label}_logit"]), abs=1e-4)


def test_parquet_holds_what_csv_holds_in_kinds_of_its_own(exported, folder, tmp_path):
    for name in ("all.csv", "all.parquet"):
        predicted(exported, find_records([folder]), tmp_path / name)
    table = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    rows = rows_of(tmp_path / "all.csv")
    assert [{k: "" if v is None else str(v) for k, v in row.items()} for row in table] == rows
    assert isinstance(table[0]["NORM_positive"], bool) and isinstance(table[0]["NORM_bias"], float)


def test_a_store_and_its_records_in_files_get_the_same_numbers(exported, store, folder, tmp_path):
    predicted(exported, find_records([folder]), tmp_path / "files.csv")
    predicted(exported, find_records([store]), tmp_path / "store.csv")
    files, rows = rows_of(tmp_path / "files.csv"), rows_of(tmp_path / "store.csv")
    assert [row["record_id"] for row in rows] == [str(n) for n in range(1, 13)]
    for one, other in zip(files, rows, strict=True):
        if not one["error"]:
            assert one["NORM_logit"] == other["NORM_logit"]


@pytest.mark.parametrize("workers", [Workers(2, "threads"), Workers(3, "threads")])
def test_workers_write_the_same_bytes(exported, folder, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(batch, "SHARD", 5)
    items = find_records([folder])
    predicted(exported, items, tmp_path / "alone.csv")
    predicted(exported, items, tmp_path / "many.csv", workers)
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "many.csv").read_bytes()


def test_what_was_predicted_before_a_crash_is_not_predicted_again(
    exported, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch, "SHARD", 5)
    items, calls = find_records([folder]), []
    real = Predictor.predict

    def predict(self, record, **asking):
        calls.append(record.name)
        if len(calls) == 8:
            raise MemoryError
        return real(self, record, **asking)

    monkeypatch.setattr(Predictor, "predict", predict)
    with pytest.raises(MemoryError):
        predicted(exported, items, tmp_path / "all.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.csv.work"]
    predicted(exported, items, tmp_path / "all.csv")
    assert calls[8:] == ["00006_lr", *(f"{n:05d}_lr" for n in range(8, 13))], "none of the first 5"
    predicted(exported, items, tmp_path / "again.csv")
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.csv", "all.csv"]


def test_another_model_or_policy_predicts_anew(exported, recarded, folder, tmp_path, monkeypatch):
    items, table = find_records([folder]), tmp_path / "all.csv"
    stop = pytest.MonkeyPatch()
    stop.setattr(batch, "whole_file", None)  # a fault after all shards are finished
    with pytest.raises(TypeError):
        predicted(exported, items, table)
    stop.undo()
    assert len(list((tmp_path / "all.csv.work").glob("[!.]*"))) == 1
    predict_table(recarded(run_id="run 2"), items, table, ALONE, {}, {})
    assert {row["run_id"] for row in rows_of(table)} == {"run 2", ""}


def test_a_store_that_was_replaced_is_not_taken_for_the_one_that_was_found(store, tmp_path):
    shutil.copytree(store, tmp_path / "signals")
    (item, *_) = find_records([tmp_path / "signals"])
    index = json.loads((tmp_path / "signals/index.json").read_text())
    text = json.dumps(index | {"sha256": "0" * 64})
    (tmp_path / "signals/index.json").write_text(text)
    with pytest.raises(DatasetError, match="other arrays than when the work was started"):
        batch.read_record(item)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_name_that_is_no_text_is_a_row_and_not_the_end(exported, tmp_path, ending):
    (tmp_path / "in").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xff.xml")).write_text("no ECG")
    count = predicted(exported, find_records([tmp_path / "in"]), tmp_path / f"all.{ending}")
    assert (count.records, count.failed) == (1, 1)


# -- what there is to predict


def test_a_folder_holds_every_file_of_a_known_format_and_below(tmp_path):
    for name in ("b.hea", "b.dat", "a.dcm", "sub/c.csv", "sub/lost.dat", "RECORDS", ".x.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_records([tmp_path, "x/y_lr"])
    names = [str(Path(item.file).relative_to(tmp_path)) for item in found[:-1]]
    assert names == ["a.dcm", "b.hea", "sub/c.csv", "sub/lost.dat"]
    assert found[-1] == Item("y_lr", "x/y_lr")


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="found no record"):
        find_records([tmp_path])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_manifest_names_the_file_at_the_models_rate(tmp_path, ending):
    import pandas as pd

    path = tmp_path / f"manifest.{ending}"
    table = pd.DataFrame({"record_id": [3, 4], "file_100": ["a_lr", None], "file_500": "a_hr"})
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    assert read_manifest(path, None, 100) == [Item("3", str(tmp_path / "a_lr")), Item("4", "")]
    assert read_manifest(path, Path("raw"), 500)[1] == Item("4", "raw/a_hr")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b\n1,2\n", "the columns a, b"),
        ("record_id,path\n1,2\n", "file_100 or file"),
        ("record_id,file\n1\n", "line 2 has 1 fields"),
        ("", "cannot be read"),
        ("\xff\xfe", "cannot be read"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, text, match):
    (tmp_path / "m.csv").write_text(text, "latin-1")
    with pytest.raises(DatasetError, match=match):
        read_manifest(tmp_path / "m.csv", None, 100)


# -- the command


def test_the_command_lists_who_failed_and_says_so(exported, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    (tmp_path / "m.csv").write_text(f"record_id,file\n1,{folder}/00001_lr\n2,\n")
    arguments = ["predict", folder.name, "--manifest", tmp_path / "m.csv", "--workers", 1]
    arguments += ["--model", exported.file, "--table", tmp_path / "all.csv"]
    assert main(list(map(str, arguments))) == 1
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'all.csv'}: 14 records\n"
    assert err.splitlines()[-1] == "ecglens: 2 of 14 records failed: see the column error"
    failed = [row for row in rows_of(tmp_path / "all.csv") if row["error"]]
    assert failed[0]["error"].startswith(f"{folder.name}/00007_lr.dat: found truncated")
    assert failed[1]["error"].startswith("record 2: found no file at this rate")


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ([], "found no record; expected a RECORD, or --manifest FILE"),
        (["x", "--table", "a.txt"], "found the ending '.txt'"),
        (["x", "--table", "a.csv", "--json"], "--table beside --json"),
        (["x", "--table", "a.csv", "--workers", "-1"], "--workers: found -1; expected at least 0"),
        (["x", "--workers", "-1"], "--workers: found -1; expected at least 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(exported, capsys, tmp_path, monkeypatch, more, match):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "--model", str(exported.file), *more]) == 1
    assert match in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_record_is_no_table(exported, tmp_path):
    with pytest.raises(ParameterError, match="no record to predict"):
        predicted(exported, [], tmp_path / "a.csv")


def test_without_the_extra_a_parquet_table_names_it(exported, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(ParameterError, match=r"pip install 'ecglens\[pipeline\]'"):
        predicted(exported, find_records([folder]), tmp_path / "a.parquet")


def test_a_store_gives_the_record_as_it_was_prepared(store):
    item = find_records([store])[4]
    record = batch.read_record(item)
    counts = np.load(store / "signals.npy")[4]
    assert (record.name, record.sampling_frequency) == ("5", 100)
    assert np.array_equal(record.signal, (counts / np.float32(1000)).astype(np.float32))
