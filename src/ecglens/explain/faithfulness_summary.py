"""From values of single records to a table with intervals, as CSV and as Markdown."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

MEAN = "mean over labels"
RESAMPLES = 1000
LEVEL = 0.95
SUMMARY_COLUMNS = ["set", "method", "measure", "label", "records", "value", "low", "high"]


class Measure(NamedTuple):
    """How a measure is shown.

    Parameters
    ----------
    title : str
        Of a column or panel.
    better : {"high", "low", ""}
    """

    title: str
    better: str


MEASURES = {
    "localisation_time": Measure("localisation, time", "high"),
    "localisation_lead": Measure("localisation, time × lead", "high"),
    "pointing_game_time": Measure("pointing game, time", "high"),
    "pointing_game_lead": Measure("pointing game, time × lead", "high"),
    "rank_accuracy_time": Measure("rank accuracy, time", "high"),
    "rank_accuracy_lead": Measure("rank accuracy, time × lead", "high"),
    "evidence_share_time": Measure("evidence's share of time", ""),
    "evidence_share_lead": Measure("evidence's share of time × lead", ""),
    "degradation_time_zero": Measure("degradation, 0 mV", "high"),
    "degradation_time_bridge": Measure("degradation, bridged", "high"),
    "degradation_lead_zero": Measure("degradation by lead, 0 mV", "high"),
    "insertion_time_zero": Measure("insertion, 0 mV", "high"),
    "insertion_time_bridge": Measure("insertion, bridged", "high"),
    "insertion_lead_zero": Measure("insertion by lead, 0 mV", "high"),
    "deletion_time_zero": Measure("deletion, 0 mV", "low"),
    "deletion_time_bridge": Measure("deletion, bridged", "low"),
    "deletion_lead_zero": Measure("deletion by lead, 0 mV", "low"),
    "completeness_error": Measure("completeness error, logit", "low"),
    "infidelity": Measure("infidelity, logit²", "low"),
    "faithfulness_correlation": Measure("correlation with removals", "high"),
    "noise_correlation": Measure("correlation under noise", "high"),
    "noise_change": Measure("change under noise", "low"),
    "shift_correlation": Measure("correlation under shift", "high"),
    "shift_change": Measure("change under shift", "low"),
    "randomised_similarity": Measure("similarity, randomised", "low"),
    "randomised_all_similarity": Measure("similarity, all randomised", "low"),
    "forward_passes": Measure("forward passes", "low"),
    "gradient_passes": Measure("gradient passes", "low"),
    "milliseconds": Measure("ms a record", "low"),
}
SHOWN = (
    "localisation_time", "localisation_lead", "pointing_game_time", "degradation_time_zero",
    "degradation_time_bridge", "faithfulness_correlation", "noise_correlation", "shift_correlation",
    "randomised_all_similarity", "completeness_error", "forward_passes", "gradient_passes",
    "milliseconds",
)  # fmt: skip


def summarise(
    values: pd.DataFrame, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 1
) -> pd.DataFrame:
    """Return each measure's mean with its bootstrap interval over records.

    Percentile intervals (Efron and Tibshirani 1993, An introduction to the bootstrap). The mean
    over labels counts each label alike; records are drawn whole, with all of their labels, and a
    draw that misses a label says nothing of the mean: without it, it would be another mean.

    Parameters
    ----------
    values : DataFrame
        ``set``, ``method``, ``measure``, ``label``, ``record``, ``value``.
    resamples : int
    level : float
        Of the intervals.
    seed : int
        One for all methods, so that intervals of two methods rest on the same draws.

    Returns
    -------
    DataFrame
        ``set``, ``method``, ``measure``, ``label`` (:data:`MEAN` for the mean), ``records``,
        ``value``, ``low``, ``high``.
    """
    rows = []
    for (name, method, measure), part in values.groupby(["set", "method", "measure"], sort=False):
        table = part.pivot(index="record", columns="label", values="value")
        drawn = _draws(table.to_numpy(float), resamples, seed)
        edges = [(1 - level) / 2, (1 + level) / 2]
        with_mean = np.column_stack([drawn, drawn.mean(axis=1)])
        # No value between two of the draws: one of them may be infinite.
        low, high = np.nanquantile(with_mean, edges, axis=0, method="nearest")
        means = table.mean().to_numpy()
        shown = [*means, means.mean()]
        counts = [*table.count(), len(table)]
        for place, label in enumerate([*table.columns, MEAN]):
            found = (counts[place], shown[place], low[place], high[place])
            rows.append((name, method, measure, label, *found))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _draws(table: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Return the labels' means (resamples, labels) of records drawn with replacement."""
    records = len(table)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(records, np.full(records, 1 / records), resamples).astype(float)
    there = ~np.isnan(table)
    finite = np.where(there, table, 0)
    counts = weights @ there
    # A relative change may be infinite; nought times it is no number, so it is counted apart.
    endless = np.isinf(finite)
    sums = weights @ np.where(endless, 0, finite)
    sums = np.where(weights @ endless > 0, np.inf, sums)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def markdown(summary: pd.DataFrame, measures: Sequence[str] = SHOWN, label: str = MEAN) -> str:
    """Return a table a set, a row a method, as Markdown.

    Parameters
    ----------
    summary : DataFrame
        From :func:`summarise`.
    measures : sequence of str
        Keys of :data:`MEASURES`.
    label : str
        Whose values are shown.
    """
    parts = []
    for name, part in summary[summary.label == label].groupby("set", sort=False):
        known = [m for m in measures if (part.measure == m).any()]
        lines = [_row(["method", *(_title(m) for m in known)]), _row(["---"] * (len(known) + 1))]
        for method in part.method.unique():
            own = part[part.method == method].set_index("measure")
            lines.append(_row([method, *(_cell(own, measure) for measure in known)]))
        parts.append(f"{name}: {_counts(part, known)}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _title(measure: str) -> str:
    arrow = {"high": " ↑", "low": " ↓", "": ""}[MEASURES[measure].better]
    return MEASURES[measure].title + arrow


def _counts(part: pd.DataFrame, measures: Sequence[str]) -> str:
    """Return on how many records the measures are, which differ where they are dear."""
    counts = part[part.measure.isin(measures)].groupby("measure").records.max()
    most = counts.max()
    fewer = {count: [] for count in counts.unique() if count < most}
    for measure in measures:
        if counts[measure] < most:
            fewer[counts[measure]].append(MEASURES[measure].title)
    return "; ".join([f"{most} records", *(f"{n} for {', '.join(t)}" for n, t in fewer.items())])


def _cell(own: pd.DataFrame, measure: str) -> str:
    if measure not in own.index:
        return ""
    row = own.loc[measure]
    if row.low == row.high:
        return _number(row.value)
    return f"{_number(row.value)} ({_number(row.low)} to {_number(row.high)})"


def _number(value: float) -> str:
    size = abs(value)
    if size == 0 or not np.isfinite(value):
        return f"{value:g}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1e}" if size < 1e-3 else f"{value:.3g}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
