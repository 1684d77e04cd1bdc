"""Texts of tables, row by row."""

import numpy as np
import pandas as pd
import pytest

from ecglens.datasets.tables import texts_of_rows

COLUMNS = [["a", None, "c", "a"], [None, None, "a", "b"], ["", "b", "c", None]]
ROWS = [["a", ""], ["b"], ["c", "a", "c"], ["a", "b"]]


@pytest.mark.parametrize("kind", ["str", "category", object])
def test_each_rows_texts_stand_in_the_order_of_the_columns(kind):
    assert texts_of_rows([pd.Series(column, dtype=kind) for column in COLUMNS]) == ROWS


def test_columns_may_be_of_different_kinds():
    kinds = ["str", "category", object]
    columns = [pd.Series(c, dtype=kind) for c, kind in zip(COLUMNS, kinds, strict=True)]
    assert texts_of_rows(columns) == ROWS


def test_what_is_no_text_is_left_out():
    column = pd.Series(["a", np.nan, 3, float("nan"), pd.NA], dtype=object)
    assert texts_of_rows([column, column]) == [["a", "a"], [], [], [], []]


def test_equal_texts_are_one_in_memory():
    rows = texts_of_rows([pd.Series(["ab c"] * 3, dtype="str"), pd.Series(["ab c"] * 3)])
    assert len({id(text) for row in rows for text in row}) == 1


def test_no_rows():
    assert texts_of_rows([pd.Series([], dtype=object)] * 2) == []
