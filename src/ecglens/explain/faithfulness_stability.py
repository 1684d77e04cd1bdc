"""Whether maps stay when they should, and change when they should.

- Stability: a little noise, or a record that starts a little earlier, must not change the map.
- The cascading-randomisation check of Adebayo et al. 2018 (Sanity checks for saliency maps, arXiv
  1810.03292): a map that stays while the model's weights are replaced by drawn ones, from the head
  down, does not show what the model learned.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ecglens.errors import ModelError, RecordError
from ecglens.explain.faithfulness import correlation, rank_correlation, relative_change

NOISE_MV = 0.01  # standard deviation; a tenth of a small box of the paper
SHIFT_SECONDS = 0.1
EDGE_SECONDS = 1.0  # at both ends, where a shifted record differs in more than its time
STAGES = 4  # at most, in which the weights are replaced

Explain = Callable[[np.ndarray], np.ndarray]  # signals (n, samples, 12) -> maps (n, samples, leads)


class Stability(NamedTuple):
    """How maps stood a small change of their records, each (records,).

    Parameters
    ----------
    correlation : ndarray of float64
        Pearson's, of the maps before and after; the mean over the draws.
    change : ndarray of float64
        The largest relative change over the draws: the max-sensitivity of Yeh et al. 2019, arXiv
        1901.09392, over the map's size.
    """

    correlation: np.ndarray
    change: np.ndarray


def noise_stability(
    explain: Explain,
    signals: np.ndarray,
    maps: np.ndarray,
    *,
    millivolts: float = NOISE_MV,
    draws: int = 2,
    seed: int = 1,
) -> Stability:
    """Compare maps with those of the same records under white noise.

    Parameters
    ----------
    explain : callable
        A method, for one label.
    signals : ndarray, shape (records, samples, 12)
        mV.
    maps : ndarray, shape (records, samples, 12 or 1)
        What ``explain`` gives for ``signals``.
    millivolts : float
        Standard deviation of the noise in each lead.
    draws : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    alike, changed = [], []
    for _ in range(draws):
        noise = rng.normal(0, millivolts, signals.shape).astype(np.float32)
        again = explain(signals + noise)
        alike.append(correlation(maps, again))
        changed.append(relative_change(maps, again))
    return Stability(np.mean(alike, axis=0), np.max(changed, axis=0))


def shift_stability(
    explain: Explain,
    signals: np.ndarray,
    maps: np.ndarray,
    sampling_frequency: float,
    *,
    seconds: float = SHIFT_SECONDS,
) -> Stability:
    """Compare maps with those of the same records a little later, moved back by as much.

    What leaves a record at its end comes in at its start; both ends are left out of the comparison.

    Parameters
    ----------
    explain, signals, maps
        As in :func:`noise_stability`.
    sampling_frequency : float
        Hz.
    seconds : float
        By how much the records are moved.

    Raises
    ------
    RecordError
        If the records are too short to leave out their ends.
    """
    shift, edge = (max(1, round(s * sampling_frequency)) for s in (seconds, EDGE_SECONDS))
    samples = signals.shape[1]
    if samples <= 2 * edge:
        found, expected = f"{samples} samples", f"more than {2 * edge}: 1 s at each end is left out"
        raise RecordError("signals", found, expected)
    again = np.roll(explain(np.roll(signals, shift, axis=1)), -shift, axis=1)
    inner = slice(edge, samples - edge)
    before, after = maps[:, inner], again[:, inner]
    return Stability(correlation(before, after), relative_change(before, after))


def cascade(model, stages: int = STAGES) -> Iterator[tuple[float, object]]:
    """Replace a model's weights by freshly drawn ones, from the output down, stage by stage.

    Parameters
    ----------
    model : keras.Model
        Is not changed.
    stages : int
        At most; layers are replaced in groups of about the same number.

    Yields
    ------
    share : float
        Of the layers with weights that are drawn by now.
    model : keras.Model
        With its weights so far; another object at each stage, so that what a method keeps of one
        is never taken for the next.

    Raises
    ------
    ModelError
        If no layer has weights.
    """
    import keras

    drawn = keras.models.clone_model(model)
    fresh = [layer.get_weights() for layer in _weighted(drawn)]
    if not fresh:
        raise ModelError(model.name, "no layer with weights", "a model that was trained")
    ends = np.linspace(0, len(fresh), min(stages, len(fresh)) + 1).round().astype(int)[1:]
    for end in ends:
        changed = keras.models.clone_model(model)
        changed.set_weights(model.get_weights())
        layers = _weighted(changed)
        for index in range(len(fresh) - end, len(fresh)):
            layers[index].set_weights(fresh[index])
        yield float(end / len(fresh)), changed


def _weighted(model) -> list:
    """Return the layers that hold weights, those of nested models one by one, inputs first."""
    import keras

    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += _weighted(layer)
        elif layer.weights:
            found.append(layer)
    return found


def randomisation(maps: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return how alike maps of the trained and of a randomised model are, (records,).

    Spearman's correlation, its sign left out: a map turned upside down still shows the same places.
    Low is good.
    """
    return np.abs(rank_correlation(maps, drawn))
