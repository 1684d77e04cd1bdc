"""Training of a model of the table: data, schedules, averaging, resuming, telling."""

from ecglens.training.callbacks import EpochLogger, TensorBoard
from ecglens.training.fit import fit, fit_folder, make_reproducible
from ecglens.training.guidance import Guide, load_guide
from ecglens.training.members import Training, run_training

__all__ = [
    "EpochLogger",
    "Guide",
    "TensorBoard",
    "Training",
    "fit",
    "fit_folder",
    "load_guide",
    "make_reproducible",
    "run_training",
]
