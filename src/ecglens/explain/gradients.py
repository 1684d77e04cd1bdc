"""Explanations from the gradient of the value by the signal, through the model's conditioning."""

import numpy as np

from ecglens.explain.evaluator import Evaluator
from ecglens.explain.method import Attribution, baseline_of, check_count, check_number


def saliency(evaluator: Evaluator, signals: np.ndarray) -> Attribution:
    """Return |gradient| (Simonyan et al. 2014, arXiv 1312.6034), per mV."""
    return Attribution(np.abs(evaluator.gradient(signals)))


def gradient_x_input(evaluator: Evaluator, signals: np.ndarray) -> Attribution:
    """Return gradient × signal (Shrikumar et al. 2016, arXiv 1605.01713)."""
    return Attribution(evaluator.gradient(signals) * np.nan_to_num(signals)[..., None])


def smoothgrad(
    evaluator: Evaluator,
    signals: np.ndarray,
    *,
    draws: int = 25,
    noise: float = 0.1,
    seed: int = 1,
) -> Attribution:
    """Return |mean gradient| over noisy copies (Smilkov et al. 2017, arXiv 1706.03825), per mV.

    Parameters
    ----------
    draws : int
        Copies of each record.
    noise : float
        Standard deviation of the noise, as a share of the record's range (largest minus smallest
        value); the paper uses 0.1 to 0.2.
    seed : int
    """
    check_count("draws", draws, 1)
    check_number("noise", noise, 0.0)
    check_count("seed", seed, 0)
    rng = np.random.default_rng(seed)
    filled = np.nan_to_num(signals)
    spread = noise * np.ptp(filled, axis=(1, 2), keepdims=True)
    total = 0.0
    for _ in range(draws):
        drawn = rng.standard_normal(signals.shape, np.float32)
        total = total + evaluator.gradient(signals + spread * drawn)  # a missing sample stays so
    return Attribution(np.abs(total / draws))


def integrated_gradients(
    evaluator: Evaluator, signals: np.ndarray, *, steps: int = 64, baseline: str = "zero"
) -> Attribution:
    """Return integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365).

    The integral over the straight line from the baseline is a sum at the middles of equal steps;
    :attr:`Explanation.completeness_error` says how far that is from the whole.

    Parameters
    ----------
    steps : int
        Gradients a record and label.
    baseline : {"zero", "median"}
        0 mV, or each lead's median.
    """
    check_count("steps", steps, 1)
    filled = np.nan_to_num(signals)  # as conditioning fills a missing sample: with 0 mV
    start = baseline_of(filled, baseline)
    way = filled - start
    total = np.zeros((*signals.shape, len(evaluator.columns)))
    for step in range(steps):
        total += evaluator.gradient(start + np.float32((step + 0.5) / steps) * way)
    values = total / steps * way[..., None]
    return Attribution(values, evaluator.value(start))
