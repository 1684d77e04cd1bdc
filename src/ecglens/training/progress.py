"""How far a fit has come, on disk after every epoch, so that a stopped one goes on from there."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, is_dataclass
from importlib import import_module
from pathlib import Path

import keras
import numpy as np

from ecglens.files import whole_file

FILE = "progress.npz"
# What a fit's outcome depends on beside its parameters, its data and its first weights: the presets
# of augmentation, and the AUROC that chooses the best epoch, are code as well.
_PACKAGE = Path(__file__).resolve().parents[1]
_CODE = (
    "training/*.py", "models/*.py", "augmentation.py", "losses.py", "conditioning.py",
    "train_params.py", "evaluation/metrics.py", "record.py",
)  # fmt: skip


@dataclass
class Progress:
    """A fit after its last finished epoch.

    Parameters
    ----------
    history : dict of str to list of float
        Values of each epoch.
    state : list of ndarray
        Weights, averages, seeds and the optimiser's variables.
    best : list of ndarray
        The weights kept at the best epoch.
    seconds : float
        That training has taken.
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    state: list[np.ndarray] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Finished ones."""
        return len(self.history.get("loss", ()))

    def save(self, folder: Path) -> None:
        """Write to a folder, whole or not at all."""
        about = {"history": self.history, "seconds": self.seconds}
        arrays = {f"state_{n:05d}": a for n, a in enumerate(self.state)}
        arrays |= {f"best_{n:05d}": a for n, a in enumerate(self.best)}
        with whole_file(folder / FILE) as part:
            np.savez(part, about=np.array(json.dumps(about)), **arrays)


def load_progress(folder: Path) -> Progress:
    """Return what a fit left in its folder, or a beginning where it left nothing."""
    path = folder / FILE
    if not path.is_file():
        return Progress()
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        names = sorted(file.files)
        state, best = (
            [file[n] for n in names if n.startswith(kind)] for kind in ("state_", "best_")
        )
    return Progress(about["history"], state, best, about["seconds"])


def key_of(*parts: object, models: Iterable[keras.Model] = ()) -> str:
    """Return a hash of all that a fit depends on: parameters, data, models, code and versions.

    Parameters
    ----------
    parts
        Dataclasses, arrays and what JSON knows.
    models
        By their configuration.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_bytes(part))
    for model in models:
        digest.update(model.to_json().encode())
    for name in _CODE:
        for path in sorted(_PACKAGE.glob(name)):
            digest.update(path.read_bytes())
    digest.update(json.dumps(_versions()).encode())
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    """Return the versions of what computes: with JAX too, batches come from TensorFlow."""
    # The modules say it, since the package may be tensorflow or tensorflow-cpu.
    names = ("keras", "numpy", "tensorflow", keras.backend.backend())
    return {name: import_module(name).__version__ for name in names}


def _bytes(part: object) -> bytes:
    if isinstance(part, np.ndarray):
        return f"{part.dtype}{part.shape}".encode() + np.ascontiguousarray(part).tobytes()
    content = asdict(part) if is_dataclass(part) else part
    return json.dumps(content, sort_keys=True).encode()
