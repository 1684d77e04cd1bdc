"""Guidance: what a map says for a label should lie where that label's sign is.

"Right for the right reasons" (Ross et al. 2017, doi 10.24963/ijcai.2017/371), on the model's own
attribution in place of a gradient: to the loss is added what speaks for a label that a record
carries, but lies outside the evidence. It needs records whose evidence is known: the simulator's.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from keras import ops

from ecglens.datasets.simulated import evidence_edges, lead_places
from ecglens.errors import DatasetError, ParameterError
from ecglens.labels import Task, codes_of
from ecglens.manifests import EVIDENCE
from ecglens.models import is_additive
from ecglens.splits import Split
from ecglens.store import Store


@dataclass(frozen=True)
class Guide:
    """Where the signs of labels are in the records of a split, an interval a row.

    Parameters
    ----------
    begins : ndarray of int, shape (records + 1,)
        Which rows are a record's: from ``begins[k]`` on, up to ``begins[k + 1]``.
    edges : ndarray of int, shape (rows, 2)
        First sample, and the one after the last.
    columns : ndarray of int, shape (rows,)
        Of the label.
    places : ndarray of bool, shape (rows, 12)
        In which leads.
    samples, labels : int
        Of a record, and of the task.
    """

    begins: np.ndarray
    edges: np.ndarray
    columns: np.ndarray
    places: np.ndarray
    samples: int
    labels: int

    def outside(self, records: np.ndarray, leads: int) -> np.ndarray:
        """Mark all that is not evidence of a label whose evidence in the record is known.

        Of a label without any, such as one that has no sign of its own, nothing is marked.

        Parameters
        ----------
        records : ndarray of int, shape (batch,)
            Places in the split.
        leads : {1, 12}
            Of the model's attribution; where it has one for all leads, evidence in any counts.

        Returns
        -------
        ndarray of bool, shape (batch, samples, leads, labels)
        """
        found = np.zeros((len(records), self.samples, leads, self.labels), bool)
        for mask, record in zip(found, records, strict=True):
            own = range(self.begins[record], self.begins[record + 1])
            mask[:, :, self.columns[own.start : own.stop]] = True
            for row in own:
                first, last = self.edges[row]
                where = self.places[row] if leads > 1 else slice(None)
                mask[first:last, where, self.columns[row]] = False
        return found


def load_guide(manifest: Path, split: Split, task: Task, store: Store) -> Guide:
    """Return the evidence of a split's records.

    Parameters
    ----------
    manifest : Path
        Of a data set with evidence.
    split : Split
    task : Task
    store : Store

    Raises
    ------
    DatasetError
        If the manifest's data set says nowhere where signs are.
    """
    if EVIDENCE not in pq.read_schema(manifest).names:
        raise DatasetError(
            manifest,
            f"no column {EVIDENCE!r}",
            "where each label's sign is, which train.guidance needs",
            "Only the simulated set has it; say train.guidance=0 for others.",
        )
    evidence = pd.read_parquet(manifest, columns=["record_id", EVIDENCE]).set_index("record_id")
    rows = evidence[EVIDENCE].loc[split.record_ids].reset_index(drop=True).explode().dropna()
    columns = ["scp_code", "start_s", "end_s", "leads"]
    table = pd.DataFrame(rows.tolist(), index=rows.index, columns=columns)
    codes = {column: codes_of(label, "scp") for column, label in enumerate(task.labels)}
    parts = [table[table.scp_code.isin(own)].assign(column=column) for column, own in codes.items()]
    table = pd.concat(parts).sort_index(kind="stable")
    return Guide(
        np.searchsorted(table.index, np.arange(len(split.rows) + 1)),
        evidence_edges(table, store.sampling_frequency),
        table.column.to_numpy(),
        lead_places(table),
        store.samples,
        len(task.labels),
    )


def require_guidable(model: keras.Model) -> None:
    """Refuse to guide a model without a map of its own.

    Raises
    ------
    ParameterError
        If the model is not additive.
    """
    if not is_additive(model):
        raise ParameterError(
            "train.guidance", f"{model.name}, whose logit has no map of its own",
            "an additive model", "Say train.guidance=0, or choose another model.",
        )  # fmt: skip


def astray(attribution, truth, outside):
    """Return what speaks for the labels that records carry, but outside their evidence.

    Parameters
    ----------
    attribution : tensor, shape (batch, samples, 12 or 1, labels)
    truth : tensor, shape (batch, labels)
    outside : tensor of bool, or of 0 and 1, as the attribution

    Returns
    -------
    tensor, scalar
        In logit units, the mean over records of the sum over labels.
    """
    positive = ops.relu(attribution) * ops.cast(outside, attribution.dtype)
    return ops.mean(ops.sum(truth * ops.sum(positive, axis=(1, 2)), axis=1))
