"""Folds by patient, for data sets whose publishers give none, and the check that none is torn.

A fold follows from the patient's number alone, so it stays the same when records are added, taken
away or read in another order, and on every machine.
"""

import hashlib

import pandas as pd

from ecglens.errors import DatasetError
from ecglens.labels import split_of

FOLDS = range(1, 11)  # as PTB-XL's: 1-8 train, 9 validation, 10 test


def fold_of(patient_id: int | str) -> int:
    """Return a patient's fold, 1 to 10, from a hash of the patient's number.

    Parameters
    ----------
    patient_id : int or str
        17 and "17" are the same patient.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        For a float: "17.0" would be another patient than "17".

    Examples
    --------
    >>> fold_of(10000032)
    7
    """
    if isinstance(patient_id, float):
        raise TypeError(f"the patient {patient_id!r} is a float; give a whole number or a string")
    digest = hashlib.sha256(str(patient_id).encode()).digest()
    return FOLDS[int.from_bytes(digest[:8], "big") % len(FOLDS)]


def with_folds(table: pd.DataFrame, source: object) -> pd.DataFrame:
    """Return the table with ``fold``, where it has none, and ``split``.

    Parameters
    ----------
    table : DataFrame
        With ``patient_id`` and perhaps ``fold``.
    source : str or Path
        Where the table came from, for messages.

    Raises
    ------
    DatasetError
        If a fold is not one of 1-10, or a patient is in two splits.
    """
    if "fold" not in table:
        patients = table.patient_id.unique()
        table = table.assign(fold=table.patient_id.map({p: fold_of(p) for p in patients}))
    wrong = table.fold[~table.fold.isin(FOLDS)].unique()[:5]
    if len(wrong):
        raise DatasetError(source, f"fold {', '.join(map(str, wrong))}", "1-10")
    table = table.assign(fold=table.fold.astype("int64"), split=table.fold.map(split_of))
    refuse_torn_patients(table, source)
    return table


def refuse_torn_patients(table: pd.DataFrame, source: object) -> None:
    """Refuse a table (``patient_id``, ``split``) in which a patient is in two splits.

    Raises
    ------
    DatasetError
        Naming the first five.
    """
    splits = table.groupby("patient_id").split.nunique()
    torn = splits.index[splits > 1]
    if len(torn):
        raise DatasetError(
            source,
            f"patients in more than one split: {', '.join(map(str, torn[:5]))}",
            "all records of a patient in one split",
            "Otherwise the test would measure memory.",
        )
