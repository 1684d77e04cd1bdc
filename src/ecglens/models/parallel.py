"""Parallel convolutions of one input, in training as one product in the frequency domain.

With them comes a pooling whose gradient XLA can make in a fixed order: a step of these layers is
nearly twice as fast when XLA compiles it (``benchmarks/xplaim_step.py``).
"""

from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("ecglens")
class ParallelConvolutions(keras.layers.Layer):
    """Convolutions of several lengths over one input, joined on channels; no bias, padding same.

    The same numbers can be had in two ways. Directly, as one convolution a kernel. Or, where
    kernels are long and channels many, by the discrete Fourier transform of overlapping blocks, in
    which all kernels are one product a frequency: several times fewer multiplications, all of them
    in matrix products (overlap-save; Oppenheim and Schafer, Discrete-Time Signal Processing, 8.7).
    Training takes the second way where it needs less than half of the multiplications; prediction
    and the exported file take the first, which needs no memory for transformed kernels.

    Parameters
    ----------
    filters : int
        Of each kernel.
    kernels : sequence of int
        Lengths in samples.
    activation : str, optional
        A name that Keras knows.
    """

    def __init__(self, filters: int, kernels, activation: str | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernels = filters, tuple(kernels)
        self.activation = activation

    def build(self, input_shape) -> None:
        _, samples, channels = input_shape
        self.weights_of = [
            self.add_weight(shape=(length, channels, self.filters), name=f"kernel_{number}")
            for number, length in enumerate(self.kernels, start=1)
        ]
        self.plan = Blocks.best(samples, self.kernels, channels, self.filters)
        direct = samples * channels * self.filters * sum(self.kernels)
        wide = self.filters * len(self.kernels)
        self.by_blocks = 2 * self.plan.multiplications(channels, wide) < direct
        super().build(input_shape)

    def call(self, x, training=False):
        joined = self.spectral(x) if training and self.by_blocks else self.direct(x)
        return keras.activations.get(self.activation)(joined)

    def direct(self, x):
        """One convolution a kernel."""
        parts = [ops.conv(x, kernel, padding="same") for kernel in self.weights_of]
        return ops.concatenate(parts, axis=2)

    def spectral(self, x):
        """All kernels at once, by blocks in the frequency domain."""
        plan, wide = self.plan, self.filters * len(self.kernels)
        spectrum = plan.transform(x)  # (bins, 2 * rows, channels): real above imaginary parts
        kernel = ops.concatenate(
            [
                ops.tensordot(plan.kernel_matrix(length), weight, axes=1)
                for length, weight in zip(self.kernels, self.weights_of, strict=True)
            ],
            axis=3,
        )  # (bins, 2, channels, wide)
        kernel = ops.concatenate([kernel[:, 0], kernel[:, 1]], axis=2)  # real beside imaginary
        product = ops.matmul(spectrum, kernel)
        rows = ops.shape(product)[1] // 2
        real, imaginary = product[:, :rows], product[:, rows:]
        product = ops.concatenate(
            [
                real[:, :, :wide] - imaginary[:, :, wide:],
                real[:, :, wide:] + imaginary[:, :, :wide],
            ],
            axis=1,
        )
        return plan.restore(product, wide)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], self.filters * len(self.kernels))

    def get_config(self):
        own = {"filters": self.filters, "kernels": list(self.kernels)}
        return {**super().get_config(), **own, "activation": self.activation}


@keras.saving.register_keras_serializable("ecglens")
class PairPooling(keras.layers.MaxPooling1D):
    """Maximum of each two steps; a last odd one stays. The numbers are those of Keras' layer.

    Training takes the maximum of two slices: where operations are made deterministic, TensorFlow
    refuses to compile the gradient of its own pooling.
    """

    def __init__(self, pool_size=2, strides=2, padding="same", **kwargs) -> None:
        super().__init__(pool_size, strides, padding, **kwargs)

    def call(self, x, training=False):
        if not training:
            return super().call(x)
        even = x.shape[1] // 2 * 2
        pairs = ops.maximum(x[:, 0:even:2], x[:, 1:even:2])
        return ops.concatenate([pairs, x[:, even:]], axis=1) if even < x.shape[1] else pairs


@dataclass(frozen=True)
class Blocks:
    """A record cut into blocks, and the matrices of their discrete Fourier transform.

    Parameters
    ----------
    samples : int
        Of the record.
    size : int
        Samples that a block puts out.
    before, after : int
        Samples that it sees beyond them.
    """

    samples: int
    size: int
    before: int
    after: int

    @classmethod
    def best(cls, samples: int, kernels, channels: int, filters: int) -> "Blocks":
        """Return the blocks that need the fewest multiplications."""
        before = max((length - 1) // 2 for length in kernels)
        after = max(length // 2 for length in kernels)
        sizes = {-(-samples // count) for count in range(1, samples + 1)}
        plans = [cls(samples, size, before, after) for size in sizes if size >= before + after]
        plans = plans or [cls(samples, before + after + 1, before, after)]
        wide = filters * len(kernels)
        return min(plans, key=lambda plan: plan.multiplications(channels, wide))

    @property
    def count(self) -> int:
        """Blocks of a record."""
        return -(-self.samples // self.size)

    @property
    def points(self) -> int:
        """Samples that a block sees."""
        return self.size + self.before + self.after

    @property
    def bins(self) -> int:
        """Frequencies."""
        return self.points // 2 + 1

    def multiplications(self, channels: int, wide: int) -> int:
        """Return how many a record takes, from ``channels`` to ``wide`` channels."""
        transforms = 2 * self.bins * (self.points * channels + self.size * wide)
        return self.count * (transforms + 4 * self.bins * channels * wide)

    def _angles(self, places: np.ndarray) -> np.ndarray:
        return 2 * np.pi / self.points * np.outer(np.arange(self.bins), places)

    @cached_property
    def forward(self) -> np.ndarray:
        """Matrix from a block's samples to real and imaginary parts, (bins, 2, points)."""
        angles = self._angles(np.arange(self.points))
        return np.stack([np.cos(angles), -np.sin(angles)], axis=1).astype(np.float32)

    @cached_property
    def backward(self) -> np.ndarray:
        """Matrix back to the samples that the block puts out, (size, 2, bins)."""
        angles = self._angles(np.arange(self.before, self.before + self.size)).T
        # Each frequency but the first, and the last of an even number, stands for two.
        twice = np.full(self.bins, 2.0)
        twice[0] = 1.0
        if self.points % 2 == 0:
            twice[-1] = 1.0
        parts = np.stack([np.cos(angles) * twice, -np.sin(angles) * twice], axis=1)
        return (parts / self.points).astype(np.float32)

    def kernel_matrix(self, length: int) -> np.ndarray:
        """Matrix from a kernel's weights to its transform, (bins, 2, length)."""
        # Weight j meets the sample j - (length - 1) // 2 after the one that is put out.
        angles = self._angles((length - 1) // 2 - np.arange(length))
        return np.stack([np.cos(angles), -np.sin(angles)], axis=1).astype(np.float32)

    def transform(self, x):
        """Return the spectrum (bins, 2 * rows, channels) of x (batch, samples, channels)."""
        channels, size, count = x.shape[2], self.size, self.count
        overlap = self.before + self.after
        rest = (count + 1) * size - self.samples - self.before
        whole = ops.pad(x, ((0, 0), (self.before, rest), (0, 0)))
        blocks = ops.reshape(whole, (-1, count + 1, size, channels))
        seen = ops.concatenate([blocks[:, :-1], blocks[:, 1:, :overlap]], axis=2)
        seen = ops.reshape(ops.transpose(seen, (2, 0, 1, 3)), (self.points, -1))
        spectrum = ops.matmul(np.reshape(self.forward, (-1, self.points)), seen)
        return ops.reshape(spectrum, (self.bins, -1, channels))

    def restore(self, spectrum, channels: int):
        """Return (batch, samples, channels) of a spectrum (bins, 2 * rows, channels)."""
        parts = ops.reshape(spectrum, (2 * self.bins, -1))
        matrix = np.reshape(self.backward.transpose(0, 2, 1), (self.size, -1))
        blocks = ops.reshape(ops.matmul(matrix, parts), (self.size, -1, self.count, channels))
        blocks = ops.transpose(blocks, (1, 2, 0, 3))
        return ops.reshape(blocks, (-1, self.count * self.size, channels))[:, : self.samples]
