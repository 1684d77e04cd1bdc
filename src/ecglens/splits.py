"""Which prepared records a task trains, validates and tests on, and their truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

from ecglens.errors import DatasetError, ParameterError, did_you_mean
from ecglens.labels import SPLITS, Task, carries, label_matrix, require_both_classes
from ecglens.store import Store

_NEEDED, _OPTIONAL = ("record_id", "split", "labels"), ("undecided", "draws", "patient_id")


@dataclass(frozen=True)
class Split:
    """The records of one split that take part in a task.

    Parameters
    ----------
    name : str
        "train", "validation" or "test".
    rows : ndarray of int, shape (records,)
        Their places in the store.
    record_ids : ndarray of int64, shape (records,)
    truth : ndarray of float32, shape (records, labels)
        NaN where a label is not asked: only :func:`load_together` makes such.
    abstained : int
        Records that would take part but for their quality; they are not among ``rows``.
    patients : ndarray, shape (records,), optional
        Whose record it is, where the manifest says so.
    """

    name: str
    rows: np.ndarray
    record_ids: np.ndarray
    truth: np.ndarray
    abstained: int = 0
    patients: np.ndarray | None = None


def load_together(manifest: Path, store: Store, tasks: Sequence[Task], split: str) -> Split:
    """Return the split of all records that take part in any of several tasks.

    The truth has the labels of the first, then those of the next. A label is asked of its own
    task's records alone, so that a statement of two tasks may be learnt twice: among all records,
    and among those that the other task has. Errors are those of :func:`load_split`.
    """
    splits = [load_split(manifest, store, task, split) for task in tasks]
    if len(splits) == 1:
        return splits[0]
    rows, first = np.unique(np.concatenate([one.rows for one in splits]), return_index=True)
    truth = np.full((len(rows), sum(one.truth.shape[1] for one in splits)), np.nan, np.float32)
    column = 0
    for one in splits:
        width = one.truth.shape[1]
        truth[np.searchsorted(rows, one.rows), column : column + width] = one.truth
        column += width
    ids = np.concatenate([one.record_ids for one in splits])[first]
    return replace(splits[0], rows=rows, record_ids=ids, truth=truth, patients=None)


def load_split(manifest: Path, store: Store, task: Task, split: str) -> Split:
    """Return a split of a task: of the records drawn for it where the manifest has a draw.

    Records whose policy is to abstain (``prepare.quality``) are left out, and counted.

    Raises
    ------
    DatasetError
        If the manifest is missing, has no labels, or a prepared record is not in it.
    LabelError
        If a label has no positive or no negative record in the split.
    """
    if split not in SPLITS:
        raise ParameterError("split", repr(split), "a split", did_you_mean(split, SPLITS))
    table = _read(manifest).set_index("record_id")
    unknown = np.setdiff1d(store.record_ids, table.index)
    if len(unknown):
        raise DatasetError(
            manifest,
            f"no row for prepared record {unknown[0]}",
            "one row a record",
            "Run 'dvc repro prepare': the manifest has changed.",
        )
    used = np.ones(len(table), bool)
    if "draws" in table:
        drawn = carries(table.draws.tolist(), [task.name])[:, 0]
        used = drawn if drawn.any() else used
    table = table.assign(used=used).loc[store.record_ids]
    undecided = table.undecided.tolist() if "undecided" in table else None
    truth, takes_part = label_matrix(table.labels.tolist(), task, undecided)
    belongs = takes_part & (table.used & (table.split == split)).to_numpy()
    abstained = np.zeros(len(belongs), bool) if store.abstained is None else store.abstained
    rows = np.flatnonzero(belongs & ~abstained)
    require_both_classes(truth[rows], task, split)
    left_out = int((belongs & abstained).sum())
    patients = table.patient_id.to_numpy()[rows] if "patient_id" in table else None
    return Split(split, rows, store.record_ids[rows], truth[rows], left_out, patients)


def _read(manifest: Path) -> pd.DataFrame:
    """Return the manifest's columns that a split needs; codes may be millions of statements."""
    mend = "Run 'dvc repro label'."
    if not manifest.is_file():
        raise DatasetError(manifest, "no such file", "a manifest", mend)
    try:
        columns = pq.read_schema(manifest).names
        missing = [column for column in _NEEDED if column not in columns]
        if missing:
            expected = f"a manifest with {', '.join(_NEEDED)}"
            raise DatasetError(manifest, f"no column {', '.join(missing)}", expected, mend)
        wanted = [column for column in (*_NEEDED, *_OPTIONAL) if column in columns]
        return pd.read_parquet(manifest, columns=wanted)
    except (ArrowException, OSError) as error:
        raise DatasetError(manifest, str(error), "a Parquet file", mend) from None
