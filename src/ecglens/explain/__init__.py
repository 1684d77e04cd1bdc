"""Explanations: one call for every method, every model and any of its labels.

``explain(model, records, labels, method)`` returns an :class:`Explanation`, whose ``attribution``
(records, samples, 12 or 1, labels) is in logit units and, for the methods that are complete, sums
with ``bias`` to the logit. :data:`METHODS` says what each method needs and what it comes from.

The methods are our own code, because the libraries that were tried do not serve here: shap's
permutation sampling takes one record at a time, draws from numpy's global generator and gives a
spread where a standard error is needed (its exact values check ours in a test); xplique 2.0.2 asks
for a TensorFlow, scipy and scikit-learn older than ours, and its Grad-CAM and Grad-CAM++ end in an
error on signals. Put beside ours without what it asks for, its saliency and gradient × input were
equal to ours on real records, and its integrated gradients correlated at 1.0000.
"""

import time
from collections.abc import Sequence

import numpy as np

from ecglens.errors import ParameterError, RecordError, did_you_mean
from ecglens.explain.evaluator import BATCH, Evaluator
from ecglens.explain.explanation import Cost, Explanation
from ecglens.explain.method import Attribution, Method, check_choice, check_count
from ecglens.explain.methods import METHODS
from ecglens.explain.named_model import NamedModel
from ecglens.inference import Predictor
from ecglens.record import LEADS, Record

__all__ = [
    "METHODS",
    "Attribution",
    "Cost",
    "Explanation",
    "Method",
    "NamedModel",
    "explain",
    "find_method",
]

VALUES = ("logit", "probability")


def explain(
    model: NamedModel | Predictor,
    records: Record | Sequence[Record] | np.ndarray,
    labels: str | Sequence[str] | None = None,
    method: str = "additive",
    *,
    of: str = "logit",
    batch_size: int = BATCH,
    **options,
) -> Explanation:
    """Explain a model's answers.

    Parameters
    ----------
    model : NamedModel or Predictor
        A Keras model with the names of its labels, or an exported file.
    records : Record, sequence of Record, or ndarray of shape (records, samples, 12)
        mV, at the model's rate and length; NaN where a sample is missing.
    labels : str or sequence of str, optional
        By name; all of the model's without it.
    method : str
        A key of :data:`METHODS`.
    of : {"logit", "probability"}
        What is explained. The gradient of a probability vanishes where the model is sure.
    batch_size : int
        Signals at a time.
    **options
        The method's own.

    Returns
    -------
    Explanation

    Raises
    ------
    ParameterError
        If the method, one of its options, or a layer that it names is not known, or the value of
        an option means nothing.
    LabelError
        If the model has no such label.
    RecordError
        If a record has another rate or length than the model's, or a value is infinite.
    ModelError
        If the model cannot be explained so: not additive, or without gradients.

    Examples
    --------
    >>> named = NamedModel(model, task.labels, 100)                          # doctest: +SKIP
    >>> explanation = explain(named, record, "CLBBB", "integrated_gradients")  # doctest: +SKIP
    >>> explanation.attribution.shape                                        # doctest: +SKIP
    (1, 1000, 12, 1)
    """
    entry = find_method(method)
    check_choice("of", of, VALUES)
    check_count("batch_size", batch_size, 1)
    named = NamedModel.of(model)
    signals, names = as_signals(named, records)
    columns = named.columns(labels)
    options = entry.options(options, method)

    asked = Evaluator(named, columns, of, batch_size)
    start = time.perf_counter()
    found = entry.run(asked, signals, **options)
    cost = Cost(asked.forward_passes, asked.gradient_passes, time.perf_counter() - start)

    # Asked apart from the method, whose cost is stated as it would be in production.
    answer = Evaluator(named, columns, of, batch_size)
    outputs = answer.outputs(signals)
    bias = found.bias
    if bias is None:
        empty = answer.value(np.zeros((1, *signals.shape[1:]), np.float32))
        bias = np.repeat(empty, len(signals), axis=0)
    return Explanation(
        method=method,
        labels=tuple(named.labels[column] for column in columns),
        attribution=np.asarray(found.values, np.float32),
        bias=np.asarray(bias, np.float32),
        logit=outputs["logit"],
        probability=outputs["probability"],
        of=of,
        sampling_frequency=named.sampling_frequency,
        record_names=names,
        options=options,
        cost=cost,
        details=found.details,
        notes=(*found.notes, *_flat_notes(signals, names)),
        over_time=found.over_time,
    )


def find_method(name: str) -> Method:
    """Return a method of the table.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if name not in METHODS:
        mend = did_you_mean(name, METHODS)
        raise ParameterError("method", f"no method {name!r}", "one of the table", mend)
    return METHODS[name]


def as_signals(
    model: NamedModel, records: Record | Sequence[Record] | np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return records as one array (records, samples, 12) in mV that the model takes, and names.

    Raises
    ------
    RecordError
        If there is none, one has another rate or length, or a value is infinite.
    """
    if isinstance(records, Record):
        records = [records]
    if isinstance(records, np.ndarray):
        signals, names = np.asarray(records, np.float32), None
    else:
        signals, names = _stack(model, records)
    expected = (model.samples, len(LEADS))
    if signals.ndim != 3 or signals.shape[1:] != expected or not len(signals):
        found = f"an array of shape {signals.shape}"
        raise RecordError("records", found, f"(records, {expected[0]}, 12), at least one record")
    if np.isinf(signals).any():
        raise RecordError("records", "infinite values", "millivolts, or NaN where missing")
    return signals, names or tuple(map(str, range(len(signals))))


def _stack(model: NamedModel, records: Sequence[Record]) -> tuple[np.ndarray, tuple[str, ...]]:
    rate = model.sampling_frequency
    for record in records:
        source = record.source or record.name
        if record.sampling_frequency != rate:
            found, expected = f"{record.sampling_frequency:g} Hz", f"{rate:g} Hz, the model's rate"
            mend = f"Explain record.resampled({rate:g}) in its place."
            raise RecordError(source, found, expected, mend)
        if len(record.signal) != model.samples:
            found = f"{len(record.signal)} samples"
            raise RecordError(source, found, f"{model.samples} samples, as the model takes")
    if not len(records):
        raise RecordError("records", "none", "at least one record")
    return np.stack([r.signal for r in records]), tuple(r.name for r in records)


def _flat_notes(signals: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """Return a sentence for each record without any deflection: there is nothing to explain."""
    filled = np.nan_to_num(signals)
    flat = (filled == filled[:, :1]).all(axis=(1, 2))
    return [
        f"record {name} is flat in every lead: its answer is the model's for no signal at all"
        for name, is_flat in zip(names, flat, strict=True)
        if is_flat
    ]
