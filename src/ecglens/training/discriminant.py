"""Weights for labels of few records: a discriminant on the network's features, in place of a fit.

What a head learns by gradient of a label of twenty records is mostly those twenty. The difference
of the pooled features' means, with and without the label, in units that a strongly shrunken
covariance gives, has next to nothing to learn (regularised discriminant analysis, Friedman 1989,
doi 10.1080/01621459.1989.10478752; why shrinking wins where records are few: Bickel and Levina
2004, doi 10.3150/bj/1106314847; features by all records and a classifier of class means for the
rare ones: Kang et al. 2020, arXiv 1910.09217). The head stays linear, so its shares stay exact.

A discriminant orders records; it does not say how probable a label is. So its logit gets the scale
and the bias of a logistic fit to the training records (Platt 1999, "Probabilistic outputs for
support vector machines"), of a mean the mean's logit as a whole, which leaves the order as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from ecglens.errors import ParameterError
from ecglens.models.additive import AdditiveHead
from ecglens.models.ensemble import OfLabels
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.training.data import ordered_batches
from ecglens.training.network import Millivolts, predictor_of_counts

# Of the correlation matrix, whose diagonal is 1. Of .3, 3, 10 and 1000 the best on PTB-XL's fold 9.
SHRINKAGE = 10.0
BATCH = 64


def refit_rare(network: keras.Model, store: Store, train: Split, below: int) -> np.ndarray:
    """Give labels of few positive records the weights of a discriminant.

    Mean and standard deviation of each label's logit over the training records stay as they were,
    so that a mean of networks weighs it as before; :func:`calibrate_rare` is to follow.

    Parameters
    ----------
    network : keras.Model
        Of whole records; changed. Its head pools the steps, by their mean or by attention.
    store : Store
    train : Split
        Its truth has the network's labels, NaN where one is not asked of a record.
    below : int
        Labels with fewer positive records than this.

    Returns
    -------
    ndarray of int
        The labels that got new weights.

    Raises
    ------
    ParameterError
        If the network's head does not pool.
    """
    head, columns = head_of(network)
    rare = _rare(train, below)
    if not len(rare):
        return rare
    moments = _moments(network, head, columns[rare], store, train, rare)
    kernel, bias = _weights(head)
    for place, column in enumerate(columns[rare]):
        kernel[:, column], bias[column] = moments.discriminant(
            place, kernel[:, column], bias[column]
        )
    head.kernel.assign(kernel)
    head.bias.assign(bias)
    return rare


def calibrate_rare(
    model: keras.Model, networks: Sequence[keras.Model], store: Store, train: Split, below: int
) -> None:
    """Make the logits of few positive records those of probabilities, in the order that they have.

    Parameters
    ----------
    model : keras.Model
        The mean of ``networks``, after :func:`refit_rare` of each; changed with them.
    networks : sequence of keras.Model
    store : Store
    train : Split
        Its truth has the model's labels.
    below : int
        As for :func:`refit_rare`.
    """
    rare = _rare(train, below)
    if not len(rare):
        return
    signals = ordered_batches(store, train, BATCH).map(lambda counts, _: counts)
    logit = predictor_of_counts(model).predict(signals, verbose=0)
    fits = [_platt(logit[:, label], train.truth[:, label]) for label in rare]
    for network in networks:
        head, columns = head_of(network)
        kernel, bias = _weights(head)
        for column, (slope, shift) in zip(columns[rare], fits, strict=True):
            kernel[:, column] *= slope
            bias[column] = slope * bias[column] + shift
        head.kernel.assign(kernel)
        head.bias.assign(bias)


def _platt(logit: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return slope and shift of Platt's fit, whose targets are as far from 0 and 1 as records say.

    A slope that is not positive would turn the order round: then the logit stays as it is.
    """
    asked = ~np.isnan(truth)
    logit, truth = logit[asked].astype(np.float64)[:, None], truth[asked] > 0.5
    positive, negative = truth.sum(), (~truth).sum()
    target = np.where(truth, (positive + 1) / (positive + 2), 1 / (negative + 2))
    fit = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(
        np.concatenate([logit, logit]), np.repeat([True, False], len(truth)),
        sample_weight=np.concatenate([target, 1 - target]),
    )  # fmt: skip
    slope = float(fit.coef_[0, 0])
    return (slope, float(fit.intercept_[0])) if slope > 0 else (1.0, 0.0)


def _rare(train: Split, below: int) -> np.ndarray:
    positives = np.nansum(train.truth, axis=0)
    return np.flatnonzero((positives > 0) & (positives < below))


def _weights(head: AdditiveHead) -> tuple[np.ndarray, np.ndarray]:
    kernel, bias = (np.copy(keras.ops.convert_to_numpy(x)) for x in (head.kernel, head.bias))
    return kernel, bias


def head_of(network: keras.Model) -> tuple[AdditiveHead, np.ndarray]:
    """Return a network's head, and which of its columns answers each label of the network.

    Raises
    ------
    ParameterError
        If it has none that pools the steps.
    """
    heads = [x for x in network.layers if isinstance(x, AdditiveHead)]
    if len(heads) != 1 or heads[0].positional or heads[0].by_lead:
        raise ParameterError(
            "train.rare", f"{network.name}, whose features no head pools over time",
            "a network such as additive_resnet or signal_cam, read as it is",
            "Say train.rare=0, or train.crop_test=whole.",
        )  # fmt: skip
    columns = np.arange(heads[0].labels)
    for layer in network.layers:
        if isinstance(layer, OfLabels):
            columns = columns[list(layer.columns)]
    return heads[0], columns


@dataclass
class _Moments:
    """Sums over records of the pooled features, for some labels; the first axis is theirs."""

    asked: np.ndarray
    positive: np.ndarray
    sums: np.ndarray
    sums_of_positive: np.ndarray
    products: np.ndarray

    def add(self, features: np.ndarray, truth: np.ndarray) -> None:
        """Add a batch: features (batch, labels, features), truth (batch, labels)."""
        asked = ~np.isnan(truth)
        known = np.where(asked[..., None], features, 0.0)
        self.asked += asked.sum(axis=0)
        self.positive += np.nansum(truth, axis=0)
        self.sums += known.sum(axis=0)
        self.sums_of_positive += np.einsum("blf,bl->lf", known, np.nan_to_num(truth))
        by_label = known.transpose(1, 0, 2)
        self.products += by_label.transpose(0, 2, 1) @ by_label

    def discriminant(self, label: int, kernel: np.ndarray, bias: float):
        """Return weights and bias whose logit has the mean and spread that those given have."""
        count, positive = self.asked[label], self.positive[label]
        mean = self.sums[label] / count
        covariance = self.products[label] / count - np.outer(mean, mean)
        spread = np.sqrt(np.maximum(np.diag(covariance), 0))
        spread[spread < 1e-6] = np.inf  # a feature that never changes gets no weight
        of_positive = self.sums_of_positive[label] / positive
        of_others = (self.sums[label] - self.sums_of_positive[label]) / (count - positive)
        correlation = covariance / np.outer(spread, spread)
        ridge = SHRINKAGE * np.eye(len(mean))
        found = np.linalg.solve(correlation + ridge, (of_positive - of_others) / spread) / spread
        before, after = (np.sqrt(max(w @ covariance @ w, 0)) for w in (kernel, found))
        if not after:
            return kernel, bias
        found *= before / after
        return found, bias + (kernel - found) @ mean


def _moments(network, head: AdditiveHead, columns, store: Store, train: Split, rare) -> _Moments:
    pooled = head.pooled(head.input, columns.tolist())
    counts = keras.Input(network.input.shape[1:], dtype="int16")
    reader = keras.Model(counts, keras.Model(network.input, pooled)(Millivolts()(counts)))
    labels, width = len(rare), head.kernel.shape[0]
    moments = _Moments(
        np.zeros(labels), np.zeros(labels), np.zeros((labels, width)), np.zeros((labels, width)),
        np.zeros((labels, width, width)),
    )  # fmt: skip
    for signals, truth in ordered_batches(store, train, BATCH):
        features = keras.ops.convert_to_numpy(reader.predict_on_batch(np.asarray(signals)))
        moments.add(features.astype(np.float64), np.asarray(truth)[:, rare])
    return moments
