"""The way that docs/add_a_dataset.md shows is the way: its code runs, from files to arrays."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ecglens import params
from ecglens.datasets import DATASETS, Dataset, get_dataset, plain_folder
from ecglens.preparation import prepare
from ecglens.store import open_store

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "add_a_dataset.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def clinic(monkeypatch):
    """The documented module, imported, and its line in the table."""
    module, line, field = blocks("python")
    code = ModuleType("ecglens.datasets.clinic")
    exec(compile(module, str(DOCUMENT), "exec"), code.__dict__)
    monkeypatch.setitem(sys.modules, code.__name__, code)
    dataset = eval(line.strip().rstrip(","), {"Dataset": Dataset})
    monkeypatch.setitem(DATASETS, dataset.name, dataset)
    assert hasattr(params, field.split(":")[1].strip())
    return get_dataset("clinic")


@pytest.fixture
def export(tmp_path, recordings, write_record):
    """Four records as the document's clinic exports them."""
    folder = tmp_path / "export"
    rows = ["Number,Patient,Age,Sex,Diagnoses"]
    for number, record in enumerate(recordings[:4], 1):
        write_record(folder / "ecg" / str(number), np.rint(record.signal * 1000), rate=500)
        rows.append(f"{number},{7 + number // 3},{50 + number},F,426783006|164889003")
    (folder / "export.csv").write_text("\n".join(rows) + "\n")
    (folder / "letter.txt").write_text("not part of it")
    return folder


def test_all_the_code_that_a_data_set_needs_is_under_60_lines():
    code = "\n".join(blocks("python") + blocks("yaml"))
    assert len(blocks("python")) == 3 and len(blocks("yaml")) == 1
    assert len(code.strip().splitlines()) < 60


def test_the_documented_module_leads_from_its_folder_to_prepared_arrays(
    clinic, export, tmp_path, recordings
):
    assert clinic.fetch(tmp_path / "raw", {"folder": str(export)}) == 1 + 4 * 2
    table = clinic.manifest(tmp_path / "raw")
    assert table.codes.tolist() == [["426783006", "164889003"]] * 4
    assert table.patient_id.tolist() == [7, 7, 8, 8] and clinic.vocabulary == "snomed"
    files = zip(table.record_id, table.file, strict=True)
    prepare(tmp_path / "raw", files, tmp_path / "signals", sampling_frequency=500, seconds=10.0)
    store = open_store(tmp_path / "signals")
    assert np.abs(store.millivolts(np.array([3]))[0] - recordings[3].signal).max() < 0.00051


def test_the_documented_table_is_what_a_plain_folder_reads(tmp_path):
    (table,) = blocks("csv")
    (tmp_path / "labels.csv").write_text(table)
    manifest = plain_folder.manifest(tmp_path)
    assert manifest.codes.tolist() == [["NORM", "SR"], ["AFIB"], []]
    assert manifest.patient_id.tolist() == ["p17", "p17", "p18"]
