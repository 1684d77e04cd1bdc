"""Every model of the table, small enough to be built, trained and exported in a moment."""

import numpy as np

from ecglens.models import build_model

TINY = {
    "ecg_xplaim": {"filters": (2, 3, 4), "kernels": (2, 5, 8)},
    "signal_cam": {},
    "ecg_imn": {"filters": (2, 3, 4), "kernel": 5, "widths": (3, 2)},
    "ecg_imn_categorical": {"filters": (2, 3, 4), "kernel": 5, "widths": (3, 2)},
    "ecg_imn_direct": {"filters": (2, 3, 4), "kernel": 5},
    "cnn": {"filters": (2, 3, 4), "hidden": 5},
    "gru": {"units": (4, 3), "hidden": (4, 3)},
    "resnet": {"filters": (2, 3, 4), "kernel": 4},
    "cnn2d_gradcam": {"filters": (2, 3, 4), "kernel": 5},
    "xresnet1d101": {"blocks": (1, 2), "stem": (2, 3, 4), "filters": 2, "hidden": 4},
    "additive_resnet": {
        "filters": (2, 3, 4),
        "kernels": (5, 3, 3),
        "blocks": 1,
        "kernel": 3,
        "pooling": "attention",
    },
    "additive_inception": {
        "depth": 3,
        "filters": 2,
        "bottleneck": 3,
        "kernels": (9, 5, 3),
    },
    "additive_xresnet": {
        "blocks": (1, 2),
        "stem": (2, 3, 4),
        "filters": 2,
        "kernels": (5, 3),
        "halved": (2,),
    },
    "additive_leads": {"filters": (2, 3, 4), "kernels": (5, 3, 3)},
    "inception1d": {"depth": 3, "filters": 2, "bottleneck": 3, "kernels": (9, 5, 3), "hidden": 4},
}


def tiny(name, *, samples=200, labels=2, **options):
    """Build a model of the table with few filters."""
    return build_model(name, samples=samples, labels=labels, **{**TINY[name], **options})


def signals(batch, samples, seed=0):
    """Noise, mV."""
    return np.random.default_rng(seed).normal(size=(batch, samples, 12)).astype(np.float32)


def outputs(model, x):
    """What a model answers, as numpy arrays."""
    return {name: np.asarray(value) for name, value in model(x, training=False).items()}


def additivity_error(result):
    """Largest |sum of attribution + bias - logit|, as a part of the logit where that is above 1."""
    total = result["attribution"].sum(axis=(1, 2), dtype=np.float64) + result["bias"]
    return (np.abs(total - result["logit"]) / np.maximum(1, np.abs(result["logit"]))).max()


def randomised(model, seed):
    """Give the model drawn weights and statistics, as if it had been trained."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "seed" in variable.path:  # the state of a drop-out
            continue
        drawn = rng.normal(0, 0.3, variable.shape)
        if "variance" in variable.path:
            drawn = rng.uniform(0.5, 2, variable.shape)
        variable.assign(drawn.astype(np.float32))
    return model
