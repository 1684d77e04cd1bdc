"""The table of models. One architecture a module, one signature for all:

``build(samples, labels, **options) -> keras.Model`` takes raw millivolts (batch, samples, 12) and
returns a dictionary: ``probability``, ``logit`` and ``bias`` of shape (batch, labels) and
``attribution`` of shape (batch, samples, 12 or 1, labels), which summed over samples and leads,
plus ``bias``, is ``logit``.
"""

from collections.abc import Callable
from pathlib import Path

import keras

from ecglens.errors import ModelError, ParameterError, did_you_mean
from ecglens.models import crops, ensemble, signal_cam  # noqa: F401  layers that a file may hold

MODELS: dict[str, Callable[..., keras.Model]] = {"signal_cam": signal_cam.build}


def build_model(name: str, *, samples: int, labels: int, **options) -> keras.Model:
    """Build a model of the table.

    Parameters
    ----------
    name : str
        A key of :data:`MODELS`.
    samples : int
        Length of the input.
    labels : int
        Number of outputs.
    **options
        The model's own, from ``params.yaml``.

    Raises
    ------
    ParameterError
        If the table has no such model.
    """
    if name not in MODELS:
        raise ParameterError(
            "models", f"no model {name!r}", "one of the table", did_you_mean(name, MODELS)
        )
    return MODELS[name](samples=samples, labels=labels, **options)


def load_model(path: Path) -> keras.Model:
    """Load a trained model of the table; a file that would run code of its own is refused.

    Raises
    ------
    ModelError
        If there is no such file, it is damaged, or it holds code.
    """
    if not path.is_file():
        raise ModelError(path, "no such file", "a trained model", "Run 'dvc repro train'.")
    try:
        return keras.saving.load_model(path, safe_mode=True)
    # Keras says ValueError of code and of a truncated file alike, KeyError of a foreign archive.
    except (ValueError, KeyError) as error:
        raise ModelError(
            path,
            f"a file that Keras does not load safely ({error})",
            "a model that the train stage saved",
            "Run 'dvc repro --force train'.",
        ) from error
