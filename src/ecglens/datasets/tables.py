"""Publishers' tables, read strictly, and the manifest that every data set is turned into."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.datasets.splitting import with_folds
from ecglens.errors import DatasetError

MANIFEST = ("record_id", "patient_id", "fold", "split", "age", "sex", "codes")
OLDEST = 130  # years; PTB-XL's own mark for over 89, 300, is dealt with where it occurs
OVER_89 = 90.0  # years, for everyone older: publishers hide the age of the very old
_SEXES = {"male": "male", "m": "male", "female": "female", "f": "female"}
_UNKNOWN = {"", "nan", "unknown"}
# Only an empty cell is nothing: "NA" may be a name, "None" a code.
_CSV = {
    "encoding": "utf-8-sig",
    "index_col": False,
    "low_memory": False,
    "keep_default_na": False,
    "na_values": [""],
}
_COMMAS = "Write decimals with a point and separate columns by commas."


def read_table(path: Path, columns: Sequence[str], **options) -> pd.DataFrame:
    """Read a CSV file that must have some columns.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        What it must have; it may have more.
    **options
        For ``pandas.read_csv``.

    Raises
    ------
    DatasetError
        If the file is missing, is not a CSV table, lacks a column, or has no rows.
    """
    expected = f"a CSV table with the columns {', '.join(columns)}" if columns else "a CSV table"
    try:
        with warnings.catch_warnings():
            # A row longer than the header: pandas would drop what is too much, with a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(path, **_CSV, **options)
    except FileNotFoundError:
        raise DatasetError(path, "no such file", expected) from None
    except OSError as error:
        raise DatasetError(path, error.strerror or str(error), expected) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        found = f"a table that cannot be read ({str(error).strip()})"
        raise DatasetError(path, found, expected, _COMMAS) from None
    except (pd.errors.EmptyDataError, UnicodeError, ValueError) as error:
        found = f"a table that cannot be read ({str(error).strip()})"
        raise DatasetError(path, found, expected) from None
    missing = [column for column in columns if column not in table]
    if missing and len(table.columns) == 1 and ";" in table.columns[0]:
        raise DatasetError(path, "columns separated by semicolons", expected, _COMMAS)
    if missing:
        raise DatasetError(path, f"no column {', '.join(missing)}", expected)
    if not len(table):
        raise DatasetError(path, "no rows", expected)
    return table


def whole_numbers(table: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """Return a column as int64.

    Raises
    ------
    DatasetError
        Naming up to five values that are no whole numbers.
    """
    values = numbers(table[column])
    whole = (values % 1 == 0) & (values.abs() < 2**53)  # beyond, a float64 skips whole numbers
    _refuse(table[column], ~whole, path, "a whole number in each row")
    return values.astype("int64")


def numbers(column: pd.Series) -> pd.Series:
    """Return a column as numbers, NaN where it holds something else."""
    if not pd.api.types.is_numeric_dtype(column):
        text = column.astype("string")
        column = text.where(text.str.len() < 40)  # pandas overflows on what has more digits
    return pd.to_numeric(column, errors="coerce").astype("float64")


def ages(column: pd.Series, path: Path, records: pd.Series | None = None) -> pd.Series:
    """Return ages in years as float64, NaN where the publisher has none, 90 for all over 89.

    Parameters
    ----------
    column : Series
    path : Path
        Where it came from, for messages.
    records : Series, optional
        The name of each row's record, for messages.

    Raises
    ------
    DatasetError
        Naming up to five values that are no age.
    """
    values = numbers(column)
    unknown = column.isna() | column.astype("string").str.strip().str.lower().isin(_UNKNOWN)
    wrong = ~(values.between(0, OLDEST) | unknown)
    _refuse(column, wrong, path, f"years, 0-{OLDEST}, or nothing", records)
    return values.where(~(values > 89), OVER_89)


def sexes(column: pd.Series, path: Path, records: pd.Series | None = None) -> pd.Series:
    """Return "male" and "female", NaN where the publisher has none; parameters as :func:`ages`.

    Raises
    ------
    DatasetError
        Naming up to five values that are neither.
    """
    words = column.astype("string").str.strip().str.lower()
    known = words.isin(list(_SEXES)) | words.isin(_UNKNOWN) | words.isna()
    _refuse(column, ~known.astype(bool), path, "male, female, M, F, or nothing", records)
    return words.map(_SEXES)


def texts_of_rows(columns: Sequence[pd.Series]) -> list[list[str]]:
    """Return each row's texts, in the order of the columns; what is no text is left out.

    Of equal texts there is one in memory, and each column is looked through once.
    """
    number: defaultdict[object, int] = defaultdict(count().__next__)  # a new value gets the next
    places = np.empty((len(columns[0]), len(columns)), np.int32)
    for k, column in enumerate(columns):
        if column.dtype == object:
            numbers = map(number.__getitem__, column.tolist())
            places[:, k] = np.fromiter(numbers, np.int32, len(column))
        else:
            codes, different = pd.factorize(column)
            places[:, k] = np.array([*map(number.__getitem__, different), -1], np.int32)[codes]
    values = np.empty(len(number) + 1, object)
    values[:-1] = list(number)
    there = np.array([isinstance(value, str) for value in values])[places]
    texts, ends = values[places[there]].tolist(), np.cumsum(there.sum(axis=1)).tolist()
    return [texts[first:last] for first, last in pairwise([0, *ends])]


def _refuse(
    column: pd.Series,
    wrong: pd.Series,
    path: Path,
    expected: str,
    records: pd.Series | None = None,
) -> None:
    """Refuse a column with wrong values; decimal commas, the commonest cause, are named."""
    if not wrong.any():
        return
    values = column[wrong].drop_duplicates().astype("string").fillna("nothing").head(5)
    found = f"{column.name} {', '.join(map(repr, values))}"
    if records is not None:
        found += f" (the first in {records[wrong].iloc[0]})"
    commas = values.str.fullmatch(r"\s*-?\d+,\d+\s*").any()
    raise DatasetError(path, found, expected, _COMMAS if commas else "")


def finish(rows: pd.DataFrame, source: Path) -> pd.DataFrame:
    """Return the manifest, with folds and splits, after the checks that hold for every data set.

    Parameters
    ----------
    rows : DataFrame
        ``record_id`` and ``patient_id`` (int64 or str), ``age`` (years), ``sex``, ``codes`` (list
        of str), one or more columns ``file...``, and perhaps ``fold`` and columns of its own.
    source : Path
        What it was read from, for messages.

    Returns
    -------
    DataFrame
        The columns of :data:`MANIFEST`, then the others in their order.

    Raises
    ------
    DatasetError
        If there is no record, one is there twice, has no patient or no path inside the data set, a
        fold is not 1-10, or a patient is in two splits.
    """
    if not len(rows):
        raise DatasetError(source, "no records", "at least one")
    twice = rows.record_id[rows.record_id.duplicated()].unique()[:5]
    if len(twice):
        raise DatasetError(
            source, f"records more than once: {', '.join(map(str, twice))}", "each record once"
        )
    if rows.patient_id.isna().any():
        nameless = rows.record_id[rows.patient_id.isna()].iloc[0]
        raise DatasetError(source, f"no patient for record {nameless}", "one for each record")
    for column in rows.columns[rows.columns.str.startswith("file")]:
        _refuse_foreign_paths(rows[column], source)
    table = with_folds(rows, source)
    table = table.assign(age=table.age.astype("float64"), sex=table.sex.astype("str"))
    others = [column for column in table if column not in MANIFEST]
    return table[[*MANIFEST, *others]].reset_index(drop=True)


def _refuse_foreign_paths(paths: pd.Series, source: Path) -> None:
    """Refuse a path that is absolute, leads out of the data set's folder, or is missing.

    A record may lack one of several files (``file_500``), but not its only one (``file``).
    """
    text = paths.astype("string").str.strip().str.replace("\\", "/")
    foreign = text.str.contains(
        r"^$|^/|^[A-Za-z]:|(?:^|/)\.\.(?:/|$)|\x00", na=paths.name == "file"
    )
    _refuse(paths, foreign.astype(bool), source, "a path inside the data set")


def distinct(codes: Sequence[str]) -> list[str]:
    """Return codes in their order, stripped, each once, without empty ones."""
    return list(dict.fromkeys(code.strip() for code in codes if code and code.strip()))
