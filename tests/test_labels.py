"""Codes become labels by whole codes only, and tasks mean what the literature means by them."""

import numpy as np
import pandas as pd
import pytest

from ecglens import labels
from ecglens.datasets import ptb_xl as ptb_xl_set
from ecglens.errors import LabelError
from ecglens.labels import (
    SPLITS,
    Task,
    carries,
    get_task,
    label_matrix,
    require_both_classes,
    scp_codes,
    split_of,
    task_names,
)

SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
# As published with the paper's 21,837 records (version 1.0.1) and with the 21,799 of version 1.0.3.
VERSION_1_0_1 = {"NORM": 9528, "MI": 5486, "STTC": 5250, "CD": 4907, "HYP": 2655}
VERSION_1_0_3 = {"NORM": 9514, "MI": 5469, "STTC": 5235, "CD": 4898, "HYP": 2649}


@pytest.fixture
def one_label_a_code(monkeypatch):
    """Labels that are named as the code they take."""
    codes = ["PACE", "PAC", "LMI", "ALMI", "ILMI", "AMI", "AFIB", "AFLT", "1AVB", "2AVB", "VT"]
    monkeypatch.setattr(
        labels, "_tables", lambda: {"labels": {c: {"scp": [c]} for c in codes}, "tasks": {}}
    )


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("PAC", "PACE"),
        ("PACE", "PAC"),
        ("LMI", "ALMI"),
        ("ALMI", "LMI"),
        ("ILMI", "LMI"),
        ("ALMI", "AMI"),
        ("AFLT", "AFIB"),
        ("SVTAC", "VT"),
        ("2AVB", "1AVB"),
        ("pace", "PACE"),
        ("PACE ", "PACE"),
    ],
)
def test_a_code_that_only_resembles_a_labels_code_does_not_give_it(one_label_a_code, code, label):
    assert carries([[code], [label]], label).tolist() == [False, True]


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("PAC", "PACE"),
        ("IRBBB", "CRBBB"),
        ("ILBBB", "CLBBB"),
        ("AFLT", "AFIB"),
        ("SVTAC", "STACH"),
        ("ABQRS", "NORM"),
        ("SR", "NORM"),
        ("SARRH", "SBRAD"),
    ],
)
def test_the_houses_labels_do_not_take_neighbouring_codes(code, label):
    assert carries([[code]], label).tolist() == [False]


def test_a_code_counts_whatever_its_likelihood_and_its_company():
    codes = [["SR", "CRBBB", "AFIB"], [], ["AFIB"]]
    assert carries(codes, "AFIB").tolist() == [True, False, True]


def test_any_of_joins_the_codes_of_its_parts():
    parts = [scp_codes(label) for label in ("MI", "STTC", "CD", "HYP")]
    assert scp_codes("ABNORMAL") == frozenset().union(*parts)
    assert sum(map(len, parts)) == len(scp_codes("ABNORMAL")), "a code is in two superclasses"
    assert "NORM" not in scp_codes("ABNORMAL")


def test_every_task_names_known_labels_each_once():
    for name in task_names():
        task = get_task(name)
        assert task.name == name and task.labels
        assert len(set(task.labels)) == len(task.labels)
        assert all(scp_codes(label) for label in task.labels + task.population)


def test_an_unknown_task_or_label_is_answered_with_the_nearest():
    with pytest.raises(LabelError, match='Did you mean "superclass"'):
        get_task("super_class")
    with pytest.raises(LabelError, match='Did you mean "STACH"'):
        scp_codes("STACHY")


def test_a_task_with_an_unknown_label_is_refused_when_it_is_asked_for(monkeypatch):
    tables = {"labels": {"NORM": {"scp": ["NORM"]}}, "tasks": {"one": {"labels": ["NORN"]}}}
    monkeypatch.setattr(labels, "_tables", lambda: tables)
    with pytest.raises(LabelError, match=r"no label 'NORN'.*Did you mean \"NORM\""):
        get_task("one")


def test_the_matrix_has_a_row_a_record_and_a_column_a_label():
    codes = [["NORM", "SR"], ["IMI", "CRBBB"], ["SR"], ["LVH"]]
    truth, takes_part = label_matrix(codes, get_task("superclass"))
    assert truth.dtype == np.float32
    assert truth.tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0] * 5, [0, 0, 0, 0, 1]]
    assert takes_part.tolist() == [True, True, False, True]


def test_without_a_population_every_record_takes_part():
    truth, takes_part = label_matrix([["SR"], ["AFIB"]], Task("a", ("AFIB",)))
    assert takes_part.all() and truth.tolist() == [[0], [1]]


def test_normal_and_abnormal_codes_together_are_abnormal():
    truth, takes_part = label_matrix([["NORM", "IRBBB"], ["NORM"]], get_task("abnormal"))
    assert truth.tolist() == [[1], [0]] and takes_part.all()


def test_folds_1_to_8_train_9_validates_and_10_tests():
    assert [split_of(fold) for fold in range(1, 11)] == ["train"] * 8 + ["validation", "test"]
    assert set(map(split_of, range(1, 11))) == set(SPLITS)


def test_a_label_that_is_always_or_never_there_is_refused_by_name():
    truth = np.array([[1, 0, 0], [1, 0, 1]], np.float32)
    task = Task("t", ("A", "B", "C"))
    with pytest.raises(LabelError, match=r"task t, test split.*A 2 of 2, B 0 of 2; ") as caught:
        require_both_classes(truth, task, "test")
    assert "C 1" not in str(caught.value)
    require_both_classes(truth[:, 2:], Task("t", ("C",)), "test")


# Against the published tables


def test_superclasses_are_those_of_the_published_statements(ptb_xl):
    statements = pd.read_csv(ptb_xl / "scp_statements.csv", index_col=0)
    for superclass in SUPERCLASSES:
        published = statements.index[statements.diagnostic_class == superclass]
        assert scp_codes(superclass) == set(published)


def test_every_code_that_a_label_takes_is_published(ptb_xl):
    statements = pd.read_csv(ptb_xl / "scp_statements.csv", index_col=0)
    for label in labels._tables()["labels"]:
        assert scp_codes(label) <= set(statements.index), label


@pytest.fixture(scope="module")
def manifest(ptb_xl):
    return ptb_xl_set.manifest(ptb_xl)


def test_superclass_counts_are_the_published_ones(manifest):
    truth, _ = label_matrix(manifest.codes.tolist(), get_task("superclass"))
    for label, count in zip(SUPERCLASSES, truth.sum(axis=0), strict=True):
        assert abs(count - VERSION_1_0_3[label]) <= 3, label
        assert abs(count - VERSION_1_0_1[label]) <= 0.004 * VERSION_1_0_1[label], label


def test_records_of_the_superclass_task_are_those_of_the_benchmark(manifest):
    # The sizes that papers on version 1.0.3 report; two scp_codes differ between versions.
    _, takes_part = label_matrix(manifest.codes.tolist(), get_task("superclass"))
    sizes = manifest.split[takes_part].value_counts()
    for split, published in (("train", 17084), ("validation", 2146), ("test", 2158)):
        assert abs(sizes[split] - published) <= 3


def test_normal_records_of_fold_10_are_those_of_signal_cams_paper(manifest):
    truth, takes_part = label_matrix(manifest.codes.tolist(), get_task("abnormal"))
    normal = takes_part & (truth[:, 0] == 0) & (manifest.fold == 10)
    assert abs(normal.sum() - (817 + 95)) <= 2
