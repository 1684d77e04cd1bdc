"""Which prepared records a task trains, validates and tests on, and their truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.errors import DatasetError, ParameterError, did_you_mean
from ecglens.labels import SPLITS, Task, label_matrix, require_both_classes
from ecglens.store import Store


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
    """

    name: str
    rows: np.ndarray
    record_ids: np.ndarray
    truth: np.ndarray


def load_split(manifest: Path, store: Store, task: Task, split: str) -> Split:
    """Return a split of a task.

    Raises
    ------
    DatasetError
        If the manifest is missing or a prepared record is not in it.
    LabelError
        If a label has no positive or no negative record in the split.
    """
    if split not in SPLITS:
        raise ParameterError("split", repr(split), "a split", did_you_mean(split, SPLITS))
    if not manifest.is_file():
        raise DatasetError(manifest, "no such file", "a manifest", "Run 'dvc repro label'.")
    table = pd.read_parquet(manifest).set_index("record_id")
    unknown = np.setdiff1d(store.record_ids, table.index)
    if len(unknown):
        raise DatasetError(
            manifest,
            f"no row for prepared record {unknown[0]}",
            "one row a record",
            "Run 'dvc repro prepare': the manifest has changed.",
        )
    table = table.loc[store.record_ids]
    truth, takes_part = label_matrix(table.codes.tolist(), task)
    rows = np.flatnonzero(takes_part & (table.split == split).to_numpy())
    require_both_classes(truth[rows], task, split)
    return Split(split, rows, store.record_ids[rows], truth[rows])
