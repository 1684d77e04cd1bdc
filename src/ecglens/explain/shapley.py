"""Shapley values over the twelve leads: what each adds, averaged over all orders of adding them."""

from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from ecglens.explain.evaluator import Evaluator
from ecglens.explain.method import Attribution, baseline_of, check_choice, check_count
from ecglens.record import LEADS

WAYS = ("sampled", "exact")
PLAYERS = len(LEADS)


def shapley(
    evaluator: Evaluator,
    signals: np.ndarray,
    *,
    way: str = "sampled",
    permutations: int = 16,
    baseline: str = "zero",
    seed: int = 1,
) -> Attribution:
    """Return the Shapley values of the leads, each spread evenly over its samples.

    The values of a record sum to its value minus the baseline's, sampled or exact. Sampling walks
    orders of the leads forward and backward (antithetic pairs: Mitchell et al. 2022, JMLR 23:43,
    arXiv 2104.12199), and states a standard error from the spread of the pairs.

    Parameters
    ----------
    way : {"sampled", "exact"}
        Exact asks about all 4,096 sets of leads.
    permutations : int
        Pairs of orders drawn, at 22 forward passes a record each; at least 2.
    baseline : {"zero", "median"}
        What stands for a lead that is left out.
    seed : int

    Notes
    -----
    ``details`` has ``lead_values`` (records, 12, labels), and of ``standard_error`` the same.
    """
    check_choice("way", way, WAYS)
    check_count("permutations", permutations, 2)
    check_count("seed", seed, 0)
    filled = np.nan_to_num(signals)
    empty = baseline_of(filled, baseline)
    if way == "exact":
        values, none = _exact(evaluator, filled, empty)
        error = np.zeros_like(values)
    else:
        values, error, none = _sampled(evaluator, filled, empty, permutations, seed)
    spread = values[:, None] / signals.shape[1]
    maps = np.broadcast_to(spread, (*signals.shape, values.shape[-1]))
    return Attribution(
        maps, none, {"lead_values": values, "standard_error": error}, over_time=False
    )


def _value_of_sets(evaluator: Evaluator, signals, empty, sets: np.ndarray) -> np.ndarray:
    """Return the value (records, sets, labels) with only the leads of each set present."""

    def only(records, number):
        return np.where(sets[number], records, empty)

    return evaluator.value_of_variants(signals, len(sets), only).astype(np.float64)


def _sampled(evaluator: Evaluator, signals, empty, permutations: int, seed: int):
    rng = np.random.default_rng(seed)
    ends = _value_of_sets(evaluator, signals, empty, np.array([[False] * 12, [True] * 12]))
    orders, sets = [], []
    for _ in range(permutations):
        order = rng.permutation(PLAYERS)
        for one in (order, order[::-1]):
            orders.append(one)
            present = np.zeros(PLAYERS, bool)
            for lead in one[:-1]:  # none and all are known already
                present[lead] = True
                sets.append(present.copy())
    between = _value_of_sets(evaluator, signals, empty, np.array(sets))
    walks = between.reshape(len(signals), len(orders), PLAYERS - 1, -1)
    first, last = (np.repeat(ends[:, None, [k]], len(orders), axis=1) for k in (0, 1))
    steps = np.diff(np.concatenate([first, walks, last], axis=2), axis=2)
    gains = np.empty_like(steps)
    for number, order in enumerate(orders):
        gains[:, number, order] = steps[:, number]
    pairs = gains.reshape(len(signals), permutations, 2, PLAYERS, -1).mean(axis=2)
    error = pairs.std(axis=1, ddof=1) / np.sqrt(permutations)
    return pairs.mean(axis=1), error, ends[:, 0]


def _exact(evaluator: Evaluator, signals, empty):
    sets, weights = _all_sets()
    values = _value_of_sets(evaluator, signals, empty, sets)
    return np.einsum("ls,nsk->nlk", weights, values), values[:, 0]


@lru_cache(maxsize=1)
def _all_sets() -> tuple[np.ndarray, np.ndarray]:
    """Return all sets of leads, the empty one first, and each one's weight in each lead's value.

    A set S of s leads weighs 1 / (12 · C(11, s - 1)) for a lead in it, and
    -1 / (12 · C(11, s)) for one that is not.
    """
    sets = np.zeros((2**PLAYERS, PLAYERS), bool)
    chosen = (c for size in range(PLAYERS + 1) for c in combinations(range(PLAYERS), size))
    for row, leads in zip(sets, chosen, strict=True):
        row[list(leads)] = True
    size = sets.sum(axis=1)
    rest = PLAYERS - 1
    with_it = np.array([1 / (PLAYERS * comb(rest, s - 1)) if s else 0.0 for s in size])
    without = np.array([1 / (PLAYERS * comb(rest, s)) if s <= rest else 0.0 for s in size])
    return sets, np.where(sets.T, with_it, -without)
