"""How much of an answer comes from which wave in which leads, as a table and as a sentence."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ecglens.explain.explanation import Explanation
from ecglens.explain.waves import WAVES, wave_masks
from ecglens.record import LEADS

ALL = "all"  # in the table, for a map that does not tell the leads apart
COLUMNS = ("record", "label", "wave", "lead", "attribution", "share", "seconds")
MOST_LEADS, ENOUGH = 3, 0.8  # a sentence names leads until they hold so much of their wave


def table_by_wave(
    explanation: Explanation, signals: np.ndarray, masks: np.ndarray | None = None
) -> pd.DataFrame:
    """Sum attributions over each wave and lead.

    Parameters
    ----------
    explanation : Explanation
    signals : ndarray, shape (records, samples, 12)
        That it explains, mV.
    masks : ndarray of bool, shape (records, samples, 4), optional
        Of :func:`ecglens.explain.waves.wave_masks`, where they are known already.

    Returns
    -------
    DataFrame
        A row a record, label, wave ("P", "QRS", "T", "rest") and lead ("all" where the map does not
        tell them apart): ``attribution``, the signed sum, which over all rows of a record and label
        is the sum of its map; ``share``, of the sum of all positive rows for a positive one, of all
        negative rows, with a minus, for a negative one; and ``seconds`` of that wave.

    Raises
    ------
    ParameterError
        If the maps do not tell the moments of a lead apart.
    """
    explanation.require_over_time()
    rate = explanation.sampling_frequency
    masks = wave_masks(signals, rate) if masks is None else masks
    maps = explanation.attribution.astype(np.float64)
    sums = np.einsum("nsw,nslk->nkwl", masks, maps)  # (records, labels, waves, leads)
    parts = [np.maximum(sums, 0), np.minimum(sums, 0)]
    whole = [np.abs(part).sum(axis=(2, 3), keepdims=True) for part in parts]
    shares = sum(
        np.divide(part, of, out=np.zeros_like(part), where=of > 0)
        for part, of in zip(parts, whole, strict=True)
    )
    leads = LEADS if maps.shape[2] == len(LEADS) else (ALL,)
    index = pd.MultiIndex.from_product(
        [explanation.record_names, explanation.labels, WAVES, leads], names=COLUMNS[:4]
    )
    seconds = np.broadcast_to((masks.sum(axis=1) / rate)[:, None, :, None], sums.shape)
    values = {"attribution": sums.ravel(), "share": shares.ravel(), "seconds": seconds.ravel()}
    return pd.DataFrame(values, index=index).reset_index()


def sentence(table: pd.DataFrame, label: str) -> str:
    """Say where most of what speaks for a label comes from.

    Parameters
    ----------
    table : DataFrame
        Of :func:`table_by_wave`; of several records, all of them are taken together.
    label : str

    Returns
    -------
    str
        Such as "62 % of what speaks for CLBBB comes from QRS in V1, V6, I."
    """
    sums = table[table.label == label].groupby(["wave", "lead"], sort=False).attribution.sum()
    positive = sums[sums > 0]
    if positive.empty:
        return f"Nothing speaks for {label}."
    by_wave = positive.groupby("wave", sort=False).sum()
    wave = by_wave.idxmax()
    leads = positive[wave].sort_values(ascending=False)
    where = "from between the waves" if wave == "rest" else f"from {wave}"
    if list(leads.index) == [ALL]:
        named, of = "", leads
    else:
        of = leads[: _enough(leads.to_numpy())]
        named = f" in {', '.join(of.index)}"
    percent = 100 * of.sum() / positive.sum()
    return f"{percent:.0f} % of what speaks for {label} comes {where}{named}."


def _enough(values: Sequence[float]) -> int:
    """Return how many of the values, largest first, hold most of their sum."""
    held = np.cumsum(values) / np.sum(values)
    return min(int(np.searchsorted(held, ENOUGH)) + 1, MOST_LEADS, len(held))
