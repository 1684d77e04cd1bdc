"""The exact explanation that an additive model gives with its answer."""

import numpy as np

from ecglens.errors import ModelError
from ecglens.explain.evaluator import Evaluator
from ecglens.explain.method import Attribution

NEAREST = "integrated_gradients"  # by gradients, and adds up; "shapley" where there are none


def additive(evaluator: Evaluator, signals: np.ndarray) -> Attribution:
    """Return the model's own ``attribution`` and ``bias``, in one forward pass a record.

    Raises
    ------
    ModelError
        If the model is not additive, or the probability is to be explained, which is no sum.
    """
    model = evaluator.model
    if not model.additive:
        nearest = "shapley" if model.is_onnx else NEAREST
        raise ModelError(
            model.name,
            "a model that is not additive, so no exact attribution",
            f"outputs {', '.join(('attribution', 'bias'))} for the method 'additive'",
            f"The nearest method is {nearest!r}, which adds up as well, but is not unique.",
        )
    if evaluator.of != "logit":
        raise ModelError(
            model.name,
            f"of={evaluator.of!r} for the method 'additive'",
            "of='logit', the only one of which the attribution is a share",
        )
    outputs = evaluator.outputs(signals, maps=True)
    return Attribution(outputs["attribution"], outputs["bias"])
