"""Keras to one ONNX file that describes itself, checked against what it was made from."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from ecglens.card import ModelCard
from ecglens.errors import ModelError
from ecglens.files import whole_file
from ecglens.inference import METADATA_KEY, Predictor
from ecglens.labels import Task
from ecglens.models import MODELS
from ecglens.record import LEADS
from ecglens.store import Store
from ecglens.tracking import RunInfo, utc_now

OPSET = 18
# Largest difference from Keras that is let through, in every output. A logit is as exact as the sum
# that it is: beyond 1, it is taken as a part of the sum of its own terms' sizes, which may cancel.
TOLERANCE = 1e-4
BATCH = 32  # records compared at a time


@dataclass(frozen=True)
class Parity:
    """How far the exported file is from the Keras model, and from adding up.

    Parameters
    ----------
    records : int
        Compared.
    largest_difference : dict of str to float
        For each output, |ONNX - Keras|.
    additivity_error : float or None
        Largest |sum of attribution + bias - logit| of the ONNX outputs; None of a model that is not
        additive.
    relative_error : float
        Largest of either in a logit, each as a part of that logit's :func:`logit_scale`: one record
        of large terms does not excuse another's.
    """

    records: int
    largest_difference: dict[str, float]
    additivity_error: float | None
    relative_error: float


def make_card(
    task: Task, model: str, dataset: str, thresholds: dict[str, float], store: Store, run: RunInfo
) -> ModelCard:
    """Return what the exported file will say of itself.

    Parameters
    ----------
    task : Task
    model, dataset : str
        Names, as in params.yaml.
    thresholds : dict of str to float
        By label.
    store : Store
        The prepared arrays that the model was trained on.
    run : RunInfo
        Its training.
    """
    return ModelCard(
        task=task.name,
        model=model,
        dataset=dataset,
        labels=task.labels,
        thresholds=tuple(thresholds[label] for label in task.labels),
        sampling_frequency=store.sampling_frequency,
        samples=store.samples,
        leads=LEADS,
        units="mV",
        other_rates="resample",
        run_id=run.run_id,
        data_version=run.data_version,
        git_commit=run.git_commit,
        created=utc_now(),
        additive=MODELS[model].additive,
        quality=store.quality,
    )


def export(model: keras.Model, card: ModelCard, signals: np.ndarray, path: Path) -> Parity:
    """Write an ONNX file with its card, whole or not at all.

    Parameters
    ----------
    model : keras.Model
        Of the table, trained.
    card : ModelCard
        Goes into the file's metadata.
    signals : ndarray, shape (records, samples, 12)
        Real records (mV) on which the file must agree with the model.
    path : Path

    Returns
    -------
    Parity

    Raises
    ------
    ModelError
        If the file differs from the model, or its attribution does not add up, by more than
        :data:`TOLERANCE`.
    """
    proto = _convert(model, card)
    with whole_file(path) as part:
        onnx.save(proto, part)
        # tf2onnx only logs an operation that it cannot convert: the checker finds it.
        onnx.checker.check_model(str(part), full_check=True)
        result = compare(model, Predictor(part), signals)
        # numpy's maximum is NaN where a difference is, which is then refused.
        others = [d for name, d in result.largest_difference.items() if name != "logit"]
        worst = np.max([*others, result.relative_error])
        if not worst <= TOLERANCE:
            raise ModelError(
                path, f"a difference of {worst:.2g} ({result})", f"at most {TOLERANCE} from Keras"
            )
    return result


def _convert(model: keras.Model, card: ModelCard) -> onnx.ModelProto:
    signature = [tf.TensorSpec((None, card.samples, len(LEADS)), tf.float32, name="millivolts")]
    function = tf.function(lambda millivolts: model(millivolts, training=False))
    proto, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    found = {o.name for o in proto.graph.output}
    if found != set(card.outputs):
        raise ModelError(card.model, f"outputs {', '.join(found)}", ", ".join(card.outputs))
    onnx.helper.set_model_props(proto, {METADATA_KEY: card.to_json()})
    return proto


def compare(model: keras.Model, predictor: Predictor, signals: np.ndarray) -> Parity:
    """Compare the two on records (mV), and the sum of the attribution with the logit.

    A few records at a time: maps by lead of 82 labels take 4 MB each.
    """
    starts = range(0, len(signals), BATCH)
    parts = [_compare_batch(model, predictor, signals[k : k + BATCH]) for k in starts]
    errors = [part.additivity_error for part in parts]
    # numpy's maximum is NaN where one of them is.
    return Parity(
        len(signals),
        {
            name: float(np.max([part.largest_difference[name] for part in parts]))
            for name in predictor.card.outputs
        },
        float(np.max(errors)) if predictor.card.additive else None,
        float(np.max([part.relative_error for part in parts])),
    )


def _compare_batch(model: keras.Model, predictor: Predictor, signals: np.ndarray) -> Parity:
    keras_outputs = model.predict_on_batch(signals)
    outputs = predictor.run(signals)
    differences = {
        name: np.abs(outputs[name] - np.asarray(keras_outputs[name]))
        for name in predictor.card.outputs
    }
    sums = additivity_errors(outputs) if predictor.card.additive else np.zeros(1)
    return Parity(
        len(signals),
        {name: float(difference.max()) for name, difference in differences.items()},
        float(sums.max()) if predictor.card.additive else None,
        float((np.maximum(differences["logit"], sums) / logit_scale(outputs)).max()),
    )


def logit_scale(outputs: dict[str, np.ndarray]) -> np.ndarray:
    """Return what a difference of each logit is measured against, shape (records, labels).

    The sum of its |attribution|, or where the model is not additive its |logit|; 1 at least.
    """
    terms = outputs["logit"]
    if "attribution" in outputs:
        terms = np.abs(outputs["attribution"]).sum(axis=(1, 2), dtype=np.float64)
    return np.maximum(1.0, np.abs(terms))


def additivity_errors(outputs: dict[str, np.ndarray]) -> np.ndarray:
    """Return |sum of attribution + bias - logit|, shape (records, labels)."""
    total = outputs["attribution"].sum(axis=(1, 2), dtype=np.float64) + outputs["bias"]
    return np.abs(total - outputs["logit"])
