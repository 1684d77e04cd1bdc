"""Keras layers from raw millivolts to what a network sees.

They belong to the model, so that training, evaluation and the exported file condition alike.
Every layer takes and returns (batch, samples, 12), and is written in ``keras.ops`` only.
"""

import keras
import numpy as np
from keras import ops

from ecglens.errors import ParameterError, did_you_mean

SCALINGS = ("none", "lead", "record", "zscore")
FLATTEST = 1e-4  # mV; what is left of a flat lead after centring is rounding, not a signal
FILTER_REACH = 5.0  # s on either side; beyond it 0.2 % of the band-pass's weights are left


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
        return centred / ops.maximum(largest, FLATTEST)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "per": self.per}


@keras.saving.register_keras_serializable("ecglens")
class ZScore(keras.layers.Layer):
    """Centre each lead on its mean and divide by its standard deviation.

    ECG-IMN's scaling (arXiv 2602.09566), with n - 1 in the deviation as there. It takes away the
    amplitudes in which hypertrophy shows. A flat lead becomes 0.
    """

    def call(self, x):
        x = x - x[:, :1]  # so that a flat lead is exactly 0 and not the rounding of its mean
        centred = x - ops.mean(x, axis=1, keepdims=True)
        freedom = max(x.shape[1] - 1, 1)  # a single sample is flat, not 0 / 0
        variance = ops.sum(ops.square(centred), axis=1, keepdims=True) / freedom
        return centred / ops.maximum(ops.sqrt(variance), FLATTEST)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("ecglens")
class ZeroPhaseFilter(keras.layers.Layer):
    """Band-pass and notch without delay: ECG-XPLAIM's optional filters, as one convolution.

    A filter run forwards and backwards multiplies each frequency by |H|², whose impulse response is
    symmetric; so both filters together are one symmetric kernel. The ends are extended by
    reflecting the record through its first and last sample, as ``scipy.signal.filtfilt`` does; it
    extends by 27 samples only, so that within about 2 s of the ends slow wander comes out otherwise
    there.

    Parameters
    ----------
    sampling_frequency : float
        Hz.
    band : sequence of float
        Lower and upper edge in Hz of a Butterworth band-pass of order 4; empty for none.
    notch : float
        Hz, such as 50 or 60, taken out with Q = 30; 0 for none.

    Raises
    ------
    ParameterError
        If a frequency is not between 0 and half the sampling frequency.
    """

    def __init__(self, sampling_frequency: float, band=(), notch: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.sampling_frequency, self.band, self.notch = sampling_frequency, tuple(band), notch
        edges = [*self.band, *([notch] if notch else [])]
        rising = list(self.band) == sorted(self.band) and len(self.band) in (0, 2)
        if not rising or any(not 0 < edge < sampling_frequency / 2 for edge in edges):
            raise ParameterError(
                "band_pass, notch",
                f"{list(self.band)} Hz, {notch:g} Hz at {sampling_frequency:g} Hz",
                "no band or two edges, lower first, each below half the sampling frequency",
            )

    def build(self, input_shape) -> None:
        reach = min(round(FILTER_REACH * self.sampling_frequency), input_shape[1] - 1)
        taps = zero_phase_taps(self.sampling_frequency, self.band, self.notch, reach)
        self.taps = np.repeat(taps.astype(np.float32)[:, None, None], input_shape[2], axis=1)
        super().build(input_shape)

    def call(self, x):
        if self.band:
            x = x - x[:, :1]  # a band-pass takes any offset away; a flat lead is then exactly 0
        reach = len(self.taps) // 2
        before = 2 * x[:, :1] - ops.flip(x[:, 1 : reach + 1], axis=1)
        after = 2 * x[:, -1:] - ops.flip(x[:, -reach - 1 : -1], axis=1)
        whole = ops.concatenate([before, x, after], axis=1)
        return ops.depthwise_conv(whole, ops.convert_to_tensor(self.taps), padding="valid")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"sampling_frequency": self.sampling_frequency, "notch": self.notch}
        return {**super().get_config(), **own, "band": list(self.band)}


def zero_phase_taps(sampling_frequency: float, band, notch: float, reach: int) -> np.ndarray:
    """Return the kernel of the filters run forwards and backwards.

    Parameters
    ----------
    sampling_frequency : float
        Hz.
    band, notch
        See :class:`ZeroPhaseFilter`.
    reach : int
        Samples on either side.

    Returns
    -------
    ndarray of float64, shape (2 * reach + 1,)
    """
    from scipy import signal  # takes a second, and few models filter

    points = 2 ** int(np.ceil(np.log2(64 * sampling_frequency + 2 * reach)))
    frequencies = np.fft.rfftfreq(points, 1 / sampling_frequency)
    power = np.ones(len(frequencies))
    if band:
        sections = signal.butter(4, band, btype="band", fs=sampling_frequency, output="sos")
        power *= np.abs(signal.freqz_sos(sections, frequencies, fs=sampling_frequency)[1]) ** 2
    if notch:
        ratio = signal.iirnotch(notch, 30, fs=sampling_frequency)
        power *= np.abs(signal.freqz(*ratio, frequencies, fs=sampling_frequency)[1]) ** 2
    response = np.fft.irfft(power, points)
    return response[np.arange(-reach, reach + 1)]  # it is periodic


@keras.saving.register_keras_serializable("ecglens")
class RandomCrop(keras.layers.Layer):
    """Pass on a stretch of each record, which begins anywhere.

    Behind the conditioning, so that a stretch is what the whole record would have there: a baseline
    that is fitted to 2.5 s would be another one.

    Parameters
    ----------
    length : int
        Samples.
    """

    def __init__(self, length: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.length = length
        self.draws = keras.random.SeedGenerator()

    def call(self, x):
        last = x.shape[1] - self.length
        first = keras.random.randint((ops.shape(x)[0], 1), 0, last + 1, seed=self.draws)
        places = first + ops.arange(self.length, dtype=first.dtype)
        return ops.take_along_axis(x, places[:, :, None], axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.length, input_shape[2])

    def get_config(self):
        return {**super().get_config(), "length": self.length}


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


def condition(
    x,
    *,
    detrend_degree: int = 0,
    scaling: str = "none",
    band_pass=(),
    notch: float = 0.0,
    sampling_frequency: float | None = None,
    crop: int | None = None,
):
    """Apply the conditioning that parameters ask for to a Keras tensor (batch, samples, 12) in mV.

    Parameters
    ----------
    detrend_degree : int
        Degree of the polynomial that is subtracted; 0 leaves the baseline as it is.
    scaling : {"none", "lead", "record", "zscore"}
        "none" keeps millivolts; see :class:`MedianMaxAbsScale`, and :class:`ZScore`.
    band_pass : sequence of float
        Lower and upper edge, Hz; empty for none. See :class:`ZeroPhaseFilter`.
    notch : float
        Hz; 0 for none.
    sampling_frequency : float, optional
        Hz; only the filters need it.
    crop : int, optional
        Samples; of each conditioned record a stretch of so many is passed on. For training alone.

    Raises
    ------
    ParameterError
        If the scaling is not known, or a filter is asked for without its sampling frequency.
    """
    if scaling not in SCALINGS:
        mend = did_you_mean(scaling, SCALINGS)
        raise ParameterError("scaling", repr(scaling), "a known scaling", mend)
    x = MissingToZero(name="missing_to_zero")(x)
    if len(band_pass) or notch:
        if sampling_frequency is None:
            raise ParameterError("sampling_frequency", "none", "Hz, which band_pass and notch need")
        x = ZeroPhaseFilter(sampling_frequency, band_pass, notch, name="filter")(x)
    if detrend_degree:
        x = Detrend(detrend_degree, name="detrend")(x)
    if scaling == "zscore":
        x = ZScore(name="scale")(x)
    elif scaling != "none":
        x = MedianMaxAbsScale(scaling, name="scale")(x)
    return RandomCrop(crop, name="crop")(x) if crop else x
