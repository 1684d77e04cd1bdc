"""Manifests get labels, balanced draws by patient, and counts."""

import numpy as np
import pandas as pd
import pytest

from ecglens.labels import NEGATIVE, SPLITS, Policy, Task, get_task, split_of
from ecglens.manifests import (
    balanced_draw,
    count_labels,
    count_pairs,
    count_unlabelled,
    with_draws,
    with_labels,
)

LQT = get_task("lqt")


@pytest.fixture(scope="module")
def manifest():
    """2,000 records of 600 patients, some of whom have very many; one in five has a long QT."""
    rng = np.random.default_rng(5)
    patient = np.sort(np.minimum(rng.geometric(0.004, 2000), 600))
    fold = patient % 10 + 1
    shares = {"LNGQT": 0.2, "AFIB": 0.1, "SR": 0.8}
    codes = [[code for code in shares if rng.random() < shares[code]] for _ in patient]
    table = pd.DataFrame(
        {
            "record_id": rng.permutation(np.arange(5000, 7000)),
            "patient_id": patient,
            "fold": fold,
            "split": [split_of(f) for f in fold],
            "codes": codes,
        }
    )
    return with_labels(table, "scp", Policy())


def carried(manifest, label):
    return np.array([label in labels for labels in manifest.labels])


def test_labels_are_added_beside_the_codes_of_the_publisher(manifest):
    for codes, labels in zip(manifest.codes, manifest.labels, strict=True):
        assert ("LNGQT" in codes) == ("lqt" in labels)
    assert not manifest.undecided.map(len).any()


def test_likelihoods_reach_the_policy():
    table = pd.DataFrame({"codes": [["IMI"], ["IMI"]], "likelihoods": [[15.0], [100.0]]})
    assert ["IMI" in x for x in with_labels(table, "scp", Policy()).labels] == [True, True]
    assert ["IMI" in x for x in with_labels(table, "scp", Policy(likelihood=50)).labels] == [
        False,
        True,
    ]


def test_labels_survive_parquet(manifest, tmp_path):
    drawn = with_draws(manifest, {"lqt": {"lqt": 50, "neg": 50}}, seed=1)
    drawn.to_parquet(tmp_path / "manifest.parquet", index=False)
    back = pd.read_parquet(tmp_path / "manifest.parquet")
    for column in ("codes", "labels", "undecided", "draws"):
        assert [list(cell) for cell in back[column]] == [list(cell) for cell in drawn[column]]


# Balanced draws


def test_a_draw_has_what_was_wanted_in_the_shares_of_the_splits(manifest):
    drawn = balanced_draw(manifest, LQT, {"lqt": 100, "neg": 60}, seed=1)
    for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        here = drawn & (manifest.split == split).to_numpy()
        assert (here & carried(manifest, "lqt")).sum() == 100 * share
        assert (here & ~carried(manifest, "lqt")).sum() == 60 * share


def test_no_patient_of_a_draw_is_in_two_splits(manifest):
    drawn = manifest[balanced_draw(manifest, LQT, {"lqt": 200, "neg": 200}, seed=1)]
    assert (drawn.groupby("patient_id").split.nunique() == 1).all()


def test_nobody_gives_a_second_record_before_everybody_has_given_one(manifest):
    drawn = balanced_draw(manifest, LQT, {"lqt": 300}, seed=1)
    for split in SPLITS:
        pool = manifest[carried(manifest, "lqt") & (manifest.split == split).to_numpy()]
        given = (
            pool.assign(drawn=drawn[pool.index]).groupby("patient_id").drawn.agg(["sum", "size"])
        )
        most = given["sum"].max()
        spared = given[given["sum"] < most - 1]
        assert (spared["sum"] == spared["size"]).all(), "someone had more to give"


def test_a_patient_with_many_records_is_as_likely_as_one_with_few():
    # Patient 0 has half of all records: drawn by record it would be in nearly every draw.
    patient = np.r_[np.zeros(190, int), np.arange(1, 191)]
    table = pd.DataFrame(
        {
            "record_id": np.arange(380),
            "patient_id": patient,
            "split": [SPLITS[0]] * 360 + [SPLITS[1]] * 10 + [SPLITS[2]] * 10,
            "labels": [["lqt"]] * 380,
            "undecided": [[]] * 380,
        }
    )
    hits = [(balanced_draw(table, LQT, {"lqt": 20}, seed)[:190]).sum() for seed in range(200)]
    assert max(hits) == 1
    assert 5 <= sum(hits) <= 35  # 16 of 171 patients a draw: 18.7 expected


def test_the_seed_alone_decides(manifest):
    wanted = {"lqt": 100, "neg": 100}
    one, again, other = (balanced_draw(manifest, LQT, wanted, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_the_order_of_the_rows_does_not_matter(manifest):
    wanted = {"lqt": 100, "neg": 100}
    shuffled = manifest.sample(frac=1, random_state=3).reset_index(drop=True)
    drawn = {
        frozenset(table.record_id[balanced_draw(table, LQT, wanted, 1)])
        for table in (manifest, shuffled)
    }
    assert len(drawn) == 1


def test_a_record_drawn_for_one_label_counts_for_all_that_it_carries(manifest):
    task = Task("both", ("lqt", "afib"))
    drawn = balanced_draw(manifest, task, {"afib": 100, "lqt": 100, NEGATIVE: 100}, seed=1)
    lqt, afib = carried(manifest, "lqt"), carried(manifest, "afib")
    assert (drawn & afib).sum() >= 100 and (drawn & lqt).sum() >= 100
    assert (drawn & ~afib & ~lqt).sum() == 100
    assert drawn.sum() < 300


def test_draws_take_only_records_that_take_part_in_the_task(manifest):
    task = Task("population", ("lqt",), ("SR",))
    drawn = balanced_draw(manifest, task, {"lqt": 50, "neg": 50}, seed=1)
    assert carried(manifest, "SR")[drawn].all()
    undecided = manifest.assign(undecided=[["lqt"]] * 1000 + [[]] * 1000)
    assert not balanced_draw(undecided, LQT, {"lqt": 50, "neg": 50}, seed=1)[:1000].any()


def test_the_manifest_says_for_which_tasks_a_record_was_drawn(manifest):
    draws = {"lqt": {"lqt": 50, "neg": 50}, "tachy": {"afib": 40, "neg": 20}}
    drawn = with_draws(manifest, draws, seed=1)
    for name, wanted in draws.items():
        expected = balanced_draw(manifest, get_task(name), wanted, 1)
        assert np.array_equal([name in tasks for tasks in drawn.draws], expected)
    assert not with_draws(manifest, {}, seed=1).draws.map(len).any()


@pytest.mark.parametrize(
    ("tasks", "only_the_drawn"),
    [(["lqt"], True), (["lqt", "superclass"], False), (["superclass"], False), ([], False)],
)
def test_only_drawn_records_are_needed_if_every_task_has_a_draw(manifest, tasks, only_the_drawn):
    draws = {"lqt": {"lqt": 50, "neg": 50}}
    table = with_draws(manifest, draws, seed=1, tasks=tasks)
    drawn = balanced_draw(manifest, LQT, draws["lqt"], 1)
    assert np.array_equal(table.needed, drawn | (not only_the_drawn))
    assert with_draws(manifest, {}, seed=1, tasks=["lqt"]).needed.all()


# Counts


def test_counts_are_those_of_counting_by_hand(manifest):
    counts = count_labels(manifest, "made").set_index("label")
    for label in ("lqt", "LNGQT", "STTC", "afib", "SR"):
        there = manifest[carried(manifest, label)]
        row = counts.loc[label]
        assert row.records == len(there) and row.patients == there.patient_id.nunique()
        assert [row[split] for split in SPLITS] == [(there.split == s).sum() for s in SPLITS]
    assert counts.records["vt"] == 0 and (counts["set"] == "made").all()
    assert counts.index.is_unique and counts.loc["lqt", "name"] == "long QT interval"


def test_undecided_records_are_counted_apart():
    table = pd.DataFrame(
        {
            "patient_id": [1, 2],
            "split": ["train", "test"],
            "codes": [["Possible LBBB"], ["Left bundle branch block"]],
        }
    )
    counts = count_labels(with_labels(table, "mimic", Policy("leave_out")), "made")
    row = counts.set_index("label").loc["lbbb"]
    assert (row.records, row.undecided) == (1, 1)


def test_pairs_are_counted_once_and_not_where_one_code_makes_both(manifest):
    pairs = count_pairs(manifest, "made").set_index(["label", "other"])
    together = carried(manifest, "LNGQT") & carried(manifest, "SR")
    row = pairs.loc[("LNGQT", "SR")]
    assert row.records == together.sum()
    assert row.share == pytest.approx(together.sum() / carried(manifest, "LNGQT").sum(), abs=1e-4)
    assert ("SR", "LNGQT") not in pairs.index
    assert ("LNGQT", "lqt") not in pairs.index and ("LNGQT", "STTC") not in pairs.index
    assert pairs.records.is_monotonic_decreasing


def test_codes_without_a_label_are_listed_the_commonest_first():
    table = pd.DataFrame({"codes": [["b", "SR"], ["b", "a"], ["c"]]})
    listed = count_unlabelled(table, "made", "scp")
    assert listed.code.tolist() == ["b", "a", "c"] and listed.times.tolist() == [2, 1, 1]
