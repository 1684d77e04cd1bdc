"""One fit of a model of the table: data, schedules, averaging, resuming, telling."""

from ecglens.training.callbacks import EpochLogger
from ecglens.training.fit import fit, fit_folder, make_reproducible

__all__ = ["EpochLogger", "fit", "fit_folder", "make_reproducible"]
