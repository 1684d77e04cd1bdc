"""Keras layers from raw millivolts to what a network sees.

They belong to the model, so that training, evaluation and the exported file condition alike.
Every layer takes and returns (batch, samples, 12), and is written in ``keras.ops`` only.
"""

import keras
import numpy as np
from keras import ops

SCALINGS = ("none", "lead", "record")


@keras.saving.register_keras_serializable("ecglens")
class MissingToZero(keras.layers.Layer):
    """Put 0 mV where a sample is missing (NaN)."""

    def call(self, x):
        return ops.where(ops.isnan(x), ops.zeros_like(x), x)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("ecglens")
class Detrend(keras.layers.Layer):
    """Subtract from each lead its least-squares polynomial, the baseline wander.

    The fit is a projection on an orthonormal basis of the polynomials, two small products. Degree
    10 over 10 s is Signal-CAM's (EMBC 2025, doi 10.1109/EMBC58623.2025.11253260).

    Parameters
    ----------
    degree : int
        Of the polynomial.
    """

    def __init__(self, degree: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.degree = degree

    def build(self, input_shape) -> None:
        self.basis = polynomial_basis(input_shape[1], self.degree)
        super().build(input_shape)

    def call(self, x):
        # Every polynomial has a constant, so the first sample can go first: a flat lead is then
        # exactly 0, and a large offset takes no digits from the signal.
        x = x - x[:, :1]
        basis = ops.convert_to_tensor(self.basis)  # (samples, degree + 1)
        coefficients = ops.matmul(ops.transpose(basis), x)  # (batch, degree + 1, 12)
        return x - ops.matmul(basis, coefficients)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "degree": self.degree}


@keras.saving.register_keras_serializable("ecglens")
class MedianMaxAbsScale(keras.layers.Layer):
    """Centre each lead on its median and divide by the largest distance from it, to [-1, 1].

    Signal-CAM's scaling with ``per="lead"``. That takes away the amplitudes in which hypertrophy
    shows; ``per="record"`` divides all leads by one number and keeps their proportions. A flat lead
    becomes 0.

    Parameters
    ----------
    per : {"lead", "record"}
    """

    def __init__(self, per: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.per = per

    def call(self, x):
        half = x.shape[1] // 2
        ordered = ops.sort(x, axis=1)
        low = ordered[:, half - 1 : half] if x.shape[1] % 2 == 0 else ordered[:, half : half + 1]
        centred = x - (low + ordered[:, half : half + 1]) / 2
        axes = (1,) if self.per == "lead" else (1, 2)
        largest = ops.max(ops.abs(centred), axis=axes, keepdims=True)
        # A lead that is a polynomial leaves a residue of rounding, about 1e-7 mV, not a signal.
        return centred / ops.maximum(largest, 1e-4)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "per": self.per}


def polynomial_basis(samples: int, degree: int) -> np.ndarray:
    """Return an orthonormal basis of the polynomials up to ``degree`` on a grid.

    Returns
    -------
    ndarray of float32, shape (samples, degree + 1)
    """
    grid = np.linspace(-1.0, 1.0, samples)
    # Chebyshev polynomials are well conditioned, where powers of time are not.
    basis, _ = np.linalg.qr(np.polynomial.chebyshev.chebvander(grid, degree))
    return basis.astype(np.float32)


def condition(x, *, detrend_degree: int, scaling: str):
    """Apply the conditioning that parameters ask for to a Keras tensor (batch, samples, 12) in mV.

    Parameters
    ----------
    detrend_degree : int
        Degree of the polynomial that is subtracted; 0 leaves the baseline as it is.
    scaling : {"none", "lead", "record"}
        See :class:`MedianMaxAbsScale`; "none" keeps millivolts.
    """
    if scaling not in SCALINGS:
        raise ValueError(f"scaling {scaling!r}; expected one of {', '.join(SCALINGS)}")
    x = MissingToZero(name="missing_to_zero")(x)
    if detrend_degree:
        x = Detrend(detrend_degree, name="detrend")(x)
    if scaling != "none":
        x = MedianMaxAbsScale(scaling, name="scale")(x)
    return x
