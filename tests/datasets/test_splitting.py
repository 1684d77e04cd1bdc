"""Folds by a hash of the patient: the same everywhere and always, even, and never torn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.datasets.splitting import FOLDS, fold_of, with_folds

PATIENTS = st.lists(st.integers(1, 10**8) | st.text(min_size=1, max_size=9), min_size=1)


def folds(patients):
    """Return the fold of each patient in a table of one record a row."""
    table = with_folds(pd.DataFrame({"patient_id": pd.Series(patients, dtype=object)}), "a table")
    return dict(zip(table.patient_id, table.fold, strict=True))


def test_a_patients_fold_is_the_same_on_every_machine_and_in_every_release():
    # Changing one of these moves patients between train and test of every run made so far.
    assert [fold_of(p) for p in (10000032, 17, "17", "A0001", "E00002")] == [7, 2, 2, 4, 2]


def test_a_float_is_refused_because_it_would_be_another_patient():
    with pytest.raises(TypeError, match=r"17\.0 is a float"):
        fold_of(17.0)


def test_the_ten_folds_are_of_equal_size():
    # Chi-squared with 9 degrees of freedom stays under 27.9 with a probability of .999.
    counts = np.bincount([fold_of(p) for p in range(20_000)], minlength=11)[1:]
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9


@settings(max_examples=25)
@given(PATIENTS, PATIENTS)
def test_a_patients_fold_does_not_depend_on_who_else_is_there(some, others):
    alone, together = folds(some), folds([*others, *some])
    assert all(together[patient] == fold for patient, fold in alone.items())


@settings(max_examples=25)
@given(PATIENTS)
def test_all_records_of_a_patient_are_in_one_split(patients):
    table = with_folds(pd.DataFrame({"patient_id": pd.Series(patients * 2, dtype=object)}), "x")
    assert (table.groupby("patient_id").split.nunique() == 1).all()
    assert table.fold.isin(FOLDS).all()


def test_folds_one_to_eight_train_nine_validates_ten_tests():
    table = with_folds(pd.DataFrame({"patient_id": range(500)}), "a table")
    assert set(zip(table.fold, table.split, strict=True)) == {
        *((fold, "train") for fold in range(1, 9)), (9, "validation"), (10, "test"),
    }  # fmt: skip


def test_a_fold_that_the_publisher_gives_is_kept():
    table = with_folds(pd.DataFrame({"patient_id": [1, 1, 2], "fold": [3, 4, 10]}), "a table")
    assert table.fold.tolist() == [3, 4, 10]
    assert table.split.tolist() == ["train", "train", "test"]
