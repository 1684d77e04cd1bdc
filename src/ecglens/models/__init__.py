"""The table of models. One architecture a module, one signature for all:

``build(*, samples, labels, **options) -> keras.Model`` takes raw millivolts (batch, samples, 12)
and returns a dictionary: ``probability`` and ``logit`` of shape (batch, labels), and of a model
that is additive ``bias`` of that shape and ``attribution`` of shape (batch, samples, 12 or 1,
labels), which summed over samples and leads, plus ``bias``, is ``logit``. A model that is not
additive brings no explanation of its own: it has the first two alone.

Among the options of each are those of :func:`ecglens.conditioning.condition`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from ecglens.errors import ModelError, ParameterError, did_you_mean
from ecglens.models import (
    additive_inception,
    additive_leads,
    additive_resnet,
    additive_xresnet,
    cnn,
    cnn2d_gradcam,
    crops,  # noqa: F401  its layers and ensemble's, for load_model
    ecg_imn,
    ecg_imn_categorical,
    ecg_imn_direct,
    ecg_xplaim,
    ensemble,  # noqa: F401
    gru,
    inception1d,
    resnet,
    signal_cam,
    xresnet1d101,
)


@dataclass(frozen=True)
class Architecture:
    """An entry of the table.

    Parameters
    ----------
    build : callable
    additive : bool
        Whether its models explain each logit exactly.
    """

    build: Callable[..., keras.Model]
    additive: bool = True


MODELS: dict[str, Architecture] = {
    "ecg_xplaim": Architecture(ecg_xplaim.build),
    "signal_cam": Architecture(signal_cam.build),
    "ecg_imn": Architecture(ecg_imn.build),
    "ecg_imn_categorical": Architecture(ecg_imn_categorical.build),
    "ecg_imn_direct": Architecture(ecg_imn_direct.build),
    "cnn": Architecture(cnn.build, additive=False),
    "gru": Architecture(gru.build, additive=False),
    "resnet": Architecture(resnet.build),
    "cnn2d_gradcam": Architecture(cnn2d_gradcam.build),
    "xresnet1d101": Architecture(xresnet1d101.build, additive=False),
    "additive_resnet": Architecture(additive_resnet.build),
    "additive_inception": Architecture(additive_inception.build),
    "additive_xresnet": Architecture(additive_xresnet.build),
    "additive_leads": Architecture(additive_leads.build),
    "inception1d": Architecture(inception1d.build, additive=False),
}


def build_model(
    name: str, *, samples: int, labels: int, sampling_frequency: float | None = None, **options
) -> keras.Model:
    """Build a model of the table.

    Parameters
    ----------
    name : str
        A key of :data:`MODELS`.
    samples : int
        Length of the input.
    labels : int
        Number of outputs.
    sampling_frequency : float, optional
        Hz; needed where the options ask for a filter.
    **options
        The model's own and those of its conditioning, from ``params.yaml``.

    Raises
    ------
    ParameterError
        If the table has no such model, an option means nothing, or the record is too short.
    """
    if name not in MODELS:
        raise ParameterError(
            "models", f"no model {name!r}", "one of the table", did_you_mean(name, MODELS)
        )
    if sampling_frequency is not None:
        options["sampling_frequency"] = sampling_frequency
    return MODELS[name].build(samples=samples, labels=labels, **options)


def is_additive(model: keras.Model) -> bool:
    """Return whether a model of the table brings its own explanation."""
    return "attribution" in model.output


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
