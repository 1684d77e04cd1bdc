"""Which prepared records a task uses in each split, and what is true of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ecglens.datasets import ptb_xl as layout
from ecglens.errors import DatasetError, LabelError, ParameterError
from ecglens.labels import SPLITS, Policy, Task, get_task
from ecglens.manifests import with_draws, with_labels
from ecglens.splits import load_split, load_together
from ecglens.store import Store

TASK = get_task("rhythm_conduction")


@pytest.fixture(scope="module")
def table(simulated_set):
    return with_labels(layout.manifest(simulated_set), "scp", Policy())


@pytest.fixture
def manifest(table, tmp_path):
    table.to_parquet(tmp_path / "manifest.parquet", index=False)
    return tmp_path / "manifest.parquet"


def a_store(record_ids, folder="signals"):
    """Return a store of these records without their signals, which splits do not look at."""
    return Store(folder, np.zeros((len(record_ids), 1, 12), "<i2"), np.array(record_ids), 100, "")


def test_rows_point_into_the_store_whatever_its_order(table, manifest):
    ids = np.random.default_rng(0).permutation(table.record_id.to_numpy())
    store, codes = a_store(ids), table.set_index("record_id").codes
    split = load_split(manifest, store, TASK, "test")
    assert np.array_equal(split.record_ids, ids[split.rows])
    for record_id, truth in zip(split.record_ids, split.truth, strict=True):
        assert set(np.array(TASK.labels)[truth == 1]) == set(codes[record_id]) & set(TASK.labels)


def test_the_splits_share_no_record_and_no_patient_and_leave_none_out(table, manifest):
    store = a_store(table.record_id)
    ids = {name: set(load_split(manifest, store, TASK, name).record_ids) for name in SPLITS}
    assert sum(map(len, ids.values())) == len(set().union(*ids.values())) == len(table)
    patient = table.set_index("record_id").patient_id
    patients = [set(patient[list(found)]) for found in ids.values()]
    assert sum(map(len, patients)) == len(set().union(*patients))


def test_the_fold_alone_decides_the_split(table, manifest):
    store = a_store(table.record_id)
    folds = table.set_index("record_id").fold
    for name, allowed in (("train", range(1, 9)), ("validation", [9]), ("test", [10])):
        assert set(folds[load_split(manifest, store, TASK, name).record_ids]) == set(allowed)


def test_records_outside_the_tasks_population_are_left_out(table, manifest):
    task = Task("paced", ("PACE",), ("PACE", "NORM"))
    split = load_split(manifest, a_store(table.record_id), task, "train")
    codes = table.set_index("record_id").codes[split.record_ids]
    assert all({"PACE", "NORM"} & set(found) for found in codes)
    assert 0 < len(split.rows) < (table.split == "train").sum()


def test_a_record_that_was_rejected_in_prepare_takes_no_part(table, manifest):
    kept = table.record_id[table.record_id != table.record_id[table.split == "test"].iloc[0]]
    split = load_split(manifest, a_store(kept), TASK, "test")
    assert len(split.rows) == (table.split == "test").sum() - 1


def test_a_record_abstained_from_takes_no_part_and_is_counted(table, manifest):
    store = a_store(table.record_id)
    first = np.flatnonzero(table.split == "test")[0]
    store = replace(store, abstained=np.arange(len(table)) == first)
    split = load_split(manifest, store, TASK, "test")
    assert first not in split.rows and split.abstained == 1
    assert len(split.rows) == (table.split == "test").sum() - 1
    assert load_split(manifest, store, TASK, "train").abstained == 0


def test_a_prepared_record_that_the_manifest_does_not_know_is_refused(table, manifest):
    with pytest.raises(DatasetError, match=r"no row for prepared record 999999.*dvc repro"):
        load_split(manifest, a_store([*table.record_id, 999999]), TASK, "test")


def test_a_label_that_the_split_does_not_hold_is_refused(manifest):
    with pytest.raises(LabelError, match=r"validation split: found positives: MI 0 of \d+"):
        ids = pd.read_parquet(manifest).record_id
        load_split(manifest, a_store(ids), Task("infarction", ("MI",)), "validation")


def test_an_unknown_split_is_answered_with_the_nearest(table, manifest):
    with pytest.raises(ParameterError, match='Did you mean "validation"'):
        load_split(manifest, a_store(table.record_id), TASK, "valid")


def test_a_missing_manifest_is_an_error_that_names_the_stage(tmp_path):
    with pytest.raises(DatasetError, match=r"manifest\.parquet: found no such file.*dvc repro"):
        load_split(tmp_path / "manifest.parquet", a_store([1]), TASK, "test")


# Draws and undecided records


def test_a_task_with_a_draw_uses_its_records_alone_and_other_tasks_all(table, tmp_path):
    draws = {"tachy": {"afib": 20, "neg": 20}}
    drawn = with_draws(table, draws, seed=1)
    drawn.to_parquet(tmp_path / "manifest.parquet", index=False)
    store, task = a_store(table.record_id), get_task("pace")
    for split in SPLITS:
        chosen = drawn.record_id[(drawn.draws.map(len) > 0) & (drawn.split == split)]
        used = load_split(tmp_path / "manifest.parquet", store, Task("tachy", ("afib",)), split)
        assert sorted(used.record_ids) == sorted(chosen)
        other = load_split(tmp_path / "manifest.parquet", store, task, split)
        assert len(other.rows) == (drawn.split == split).sum()


def test_a_drawn_record_that_was_not_prepared_is_not_replaced(table, tmp_path):
    drawn = with_draws(table, {"tachy": {"afib": 20, "neg": 20}}, seed=1)
    drawn.to_parquet(tmp_path / "manifest.parquet", index=False)
    chosen = drawn.record_id[(drawn.draws.map(len) > 0) & (drawn.split == "train")]
    store = a_store(table.record_id[table.record_id != chosen.iloc[0]])
    task = Task("tachy", ("afib",))
    assert len(load_split(tmp_path / "manifest.parquet", store, task, "train").rows) == 31


def test_undecided_records_are_left_out_of_the_tasks_that_ask(table, tmp_path):
    first = table.record_id[table.split == "test"].iloc[0]
    undecided = [["PACE"] if record == first else [] for record in table.record_id]
    table.assign(undecided=undecided).to_parquet(tmp_path / "manifest.parquet", index=False)
    store = a_store(table.record_id)
    asking = load_split(tmp_path / "manifest.parquet", store, TASK, "test")
    assert first not in asking.record_ids
    other = load_split(tmp_path / "manifest.parquet", store, Task("a", ("AFIB",)), "test")
    assert first in other.record_ids


def test_tasks_learnt_together_ask_each_label_of_their_own_records(table, manifest):
    store = a_store(np.random.default_rng(1).permutation(table.record_id.to_numpy()))
    few = Task("paced", ("PACE", "NORM"), ("PACE", "NORM"))
    afib = Task("afib", ("AFIB",), ("AFIB", "PACE"))
    parts = [load_split(manifest, store, task, "train") for task in (few, afib)]
    both = load_together(manifest, store, [few, afib], "train")
    assert set(both.record_ids) == set(parts[0].record_ids) | set(parts[1].record_ids)
    assert np.array_equal(both.record_ids, store.record_ids[both.rows])
    assert np.array_equal(both.rows, np.unique(both.rows)) and both.truth.shape[1] == 3
    for part, columns in zip(parts, (both.truth[:, :2], both.truth[:, 2:]), strict=True):
        asked = ~np.isnan(columns)
        assert np.array_equal(asked.all(axis=1), asked.any(axis=1))
        assert np.array_equal(both.rows[asked[:, 0]], part.rows)
        assert np.array_equal(columns[asked[:, 0]], part.truth)


def test_one_task_by_itself_is_its_own_split(table, manifest):
    store = a_store(table.record_id)
    alone = load_together(manifest, store, [TASK], "validation")
    split = load_split(manifest, store, TASK, "validation")
    assert np.array_equal(alone.truth, split.truth)
    assert np.array_equal(alone.patients, split.patients)
