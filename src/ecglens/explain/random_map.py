"""A map that knows nothing: what every other method must beat."""

import numpy as np

from ecglens.explain.evaluator import Evaluator
from ecglens.explain.method import Attribution, check_count


def random_map(evaluator: Evaluator, signals: np.ndarray, *, seed: int = 1) -> Attribution:
    """Return white noise per sample and lead, shifted so that it sums to the value.

    It is complete, and says nothing: adding up alone is no merit.

    Parameters
    ----------
    seed : int
    """
    check_count("seed", seed, 0)
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((*signals.shape, len(evaluator.columns)))
    empty = evaluator.value(np.zeros_like(signals[:1]))
    wanted = (evaluator.value(signals) - empty)[:, None, None]
    per_value = 1 / np.prod(signals.shape[1:])
    noise -= noise.mean(axis=(1, 2), keepdims=True)
    values = (noise * np.abs(wanted) + wanted) * per_value
    return Attribution(values, np.repeat(empty, len(signals), axis=0))
