"""``ecglens import-xplaim``: the weights that ECG-XPLAIM's authors published, as a model of ours.

Their files (doi 10.5281/zenodo.14968732) are plain Keras models with a sigmoid output, whose leads
stand in MIMIC-IV-ECG's order. Here the same weights go into :mod:`ecglens.models.ecg_xplaim`, the
first kernels' channels moved to our order of leads, so that everything else can be done with them:
exact explanations, ONNX, the registry, fine-tuning.

The file is read as data: only layers that the architecture has are let through, before Keras sees
them, in its safe mode.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import mlflow
import numpy as np

from ecglens.card import ModelCard
from ecglens.errors import ModelError, ParameterError
from ecglens.export import Parity, export
from ecglens.files import whole_folder
from ecglens.labels import Task, get_task
from ecglens.models import build_model
from ecglens.record import LEADS, RATES
from ecglens.registry import Decision, register_imported
from ecglens.tracking import IMPORTED_ARTIFACT, RunInfo, flat, git_commit, open_run, utc_now

TASKS = ("tachy", "cd", "lqt", "wpw", "pace")  # as the published files are named
MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
DATASET = "mimic-iv-ecg"  # on which they were trained
TOLERANCE = 1e-5  # largest difference in probability that is let through
PROBES = 4  # drawn records on which both are compared
# What the published networks see: the record as it is. Fine-tuning asks a run for it.
_OPTIONS = {"detrend_degree": 0, "scaling": "none", "band_pass": (), "notch": 0.0}
_LAYERS = {
    "Functional", "InputLayer", "Conv1D", "Concatenate", "BatchNormalization", "Activation", "Add",
    "MaxPooling1D", "GlobalAveragePooling1D", "Dense",
}  # fmt: skip
_WITHIN_LAYERS = {"GlorotUniform", "Zeros", "Ones", "DTypePolicy", "__keras_tensor__"}


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Parameters
    ----------
    folder : Path
        With ``model.keras``, ``model.onnx``, ``parity.json`` and ``run.json``.
    card : ModelCard
    difference : float
        Largest difference in probability from the file that was imported.
    parity : Parity
        Of the ONNX file with ``model.keras``.
    decision : Decision
        What the registry did with it.
    """

    folder: Path
    card: ModelCard
    difference: float
    parity: Parity
    decision: Decision


def import_file(
    path: Path, folder: Path | None = None, *, labels: Sequence[str] = (), task: str = "",
    threshold: float = 0.5, sampling_frequency: int = 500,
) -> Imported:  # fmt: skip
    """Make a registered model of a file that the authors published.

    Parameters
    ----------
    path : Path
        A ``.keras`` file.
    folder : Path, optional
        Where the model goes; default ``models/TASK/ecg_xplaim/imported``.
    labels : sequence of str
        Of the outputs, in their order; by default those of the task that the file is named after.
    task : str
        Name for these labels; by default the task that the file is named after, or the labels.
    threshold : float
        Probability from which each label is given. The authors' own; not chosen on data.
    sampling_frequency : int
        Hz.

    Raises
    ------
    ModelError
        If the file is no Keras file, holds code or another architecture, or the result differs.
    ParameterError
        If the labels are not as many as the outputs, or cannot be told from the file's name, or
        threshold or rate means nothing.
    """
    if not 0 < threshold < 1:
        raise ParameterError("threshold", str(threshold), "a probability between 0 and 1")
    if not RATES[0] <= sampling_frequency <= RATES[1]:
        found, expected = f"{sampling_frequency} Hz", f"a rate of {RATES[0]} to {RATES[1]} Hz"
        raise ParameterError("sampling_frequency", found, expected)
    theirs = read_file(path)
    wanted = task_of(path, labels, task)
    outputs = theirs.output.shape[-1]
    if len(wanted.labels) != outputs:
        found = f"{len(wanted.labels)} labels ({', '.join(wanted.labels)}) for {outputs} outputs"
        raise ParameterError("labels", found, f"{outputs}", "Name them: --labels one,two")
    model = convert(theirs, path)
    signals = np.random.default_rng(0).normal(0, 0.3, (PROBES, *model.input.shape[1:]))
    difference = largest_difference(theirs, model, signals.astype(np.float32), path)
    return _register(
        path, folder, wanted, threshold, sampling_frequency, model, signals, difference
    )


def task_of(path: Path, labels: Sequence[str], name: str = "") -> Task:
    """Return what the file's outputs are: the labels that a user names, or its name's task."""
    words = re.split(r"[^a-z]+", path.stem.lower())
    named = [task for task in TASKS if task in words]
    if labels:
        if len(set(labels)) < len(labels) or not all(labels):
            raise ParameterError("labels", ",".join(labels), "a name for each output, each once")
        return Task(name or (named[0] if len(named) == 1 else "-".join(labels)), tuple(labels))
    if len(named) != 1:
        raise ParameterError(
            path,
            f"{len(named)} names of a task ({', '.join(named) or 'none'}) in the file's name",
            f"one of {', '.join(TASKS)}",
            "Name the labels: --labels one,two",
        )
    known = get_task(named[0])
    return Task(name or known.name, known.labels)


def read_file(path: Path) -> keras.Model:
    """Load a Keras file that holds nothing but the layers that the architecture has.

    Raises
    ------
    ModelError
        If there is none, it is damaged, or it holds anything else.
    """
    if not path.is_file():
        raise ModelError(path, "no such file", "a .keras file that ECG-XPLAIM's authors published")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        found = f"no whole Keras file ({type(error).__name__}: {error})"
        raise ModelError(path, found, "a .keras file", "Download it again.") from error
    config.pop("compile_config", None)  # the optimiser's and metrics', which nobody reads here
    foreign = sorted(_foreign(config))
    if foreign:
        raise ModelError(
            path,
            f"layers {', '.join(foreign)}",
            "layers of ECG-XPLAIM alone: nothing that runs code",
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    # Keras says each of these of files whose parts do not fit together.
    except (ValueError, TypeError, KeyError, OSError, AttributeError, IndexError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        found = f"a file that Keras does not load ({reason})"
        raise ModelError(path, found, "a whole .keras file", "Download it again.") from error


def _foreign(config: object) -> set[str]:
    """Return the classes in a model's configuration that ECG-XPLAIM does not have."""
    if isinstance(config, list):
        return set().union(*(_foreign(item) for item in config))
    if not isinstance(config, dict):
        return set()
    found = set().union(*(_foreign(value) for value in config.values()))
    name = config.get("class_name")
    if name is not None:
        inner = str(config.get("module") or "keras").split(".")[0] != "keras"
        if inner or config.get("registered_name") not in (None, name):
            found.add(f"{config.get('module')}.{name}")
        elif name not in _LAYERS | _WITHIN_LAYERS:
            found.add(str(name))
    return found


def convert(theirs: keras.Model, path: object) -> keras.Model:
    """Return our ECG-XPLAIM with a loaded file's weights, its leads in our order.

    Raises
    ------
    ModelError
        If the file is another architecture; names the layer, what it is and what it should be.
    """
    blocks, dense = _Reader(path).network(theirs)
    samples, leads = theirs.input.shape[1:]
    if leads != len(LEADS):
        raise ModelError(path, f"an input of shape {(samples, leads)}", f"({samples}, 12)")
    convolutions = blocks[0].stages[0].convolutions
    ours = build_model(
        "ecg_xplaim", samples=samples, labels=dense.units,
        filters=tuple(block.stages[0].convolutions[0].filters for block in blocks),
        kernels=tuple(c.kernel_size[0] for c in convolutions),
    )  # fmt: skip
    order = [MIMIC_LEADS.index(lead) for lead in LEADS]
    pairs = [(ours.get_layer("head"), [dense])]
    for number, block in enumerate(blocks, start=1):
        pairs += _named(ours, block, f"block_{number}")
    first = (*convolutions, blocks[0].shortcut)  # what sees the leads
    for target, sources in pairs:
        weights = [
            weight[:, order] if source in first else weight
            for source in sources
            for weight in source.get_weights()
        ]
        if [w.shape for w in weights] != [tuple(w.shape) for w in target.weights]:
            shapes = f"weights {[w.shape for w in weights]} in {sources[0].name}"
            raise ModelError(path, shapes, f"{[tuple(w.shape) for w in target.weights]}")
        target.set_weights(weights)
    return ours


def _named(ours: keras.Model, block: "_Block", name: str) -> list[tuple]:
    """Return our layers of a block, each beside those of theirs that it stands for."""
    pairs = [
        (f"{name}_shortcut", [block.shortcut]),
        (f"{name}_shortcut_norm", [block.shortcut_norm]),
    ]
    for number, stage in enumerate(block.stages, start=1):
        place = f"{name}_stage_{number}"
        pairs += [(f"{place}_convs", stage.convolutions), (f"{place}_norm", [stage.norm])]
    return [(ours.get_layer(ours_name), theirs) for ours_name, theirs in pairs]


def largest_difference(theirs, ours, signals: np.ndarray, path: object) -> float:
    """Return the largest difference in probability, the file being fed in its own order of leads.

    Raises
    ------
    ModelError
        If it is above :data:`TOLERANCE`.
    """
    moved = signals[:, :, [LEADS.index(lead) for lead in MIMIC_LEADS]]
    expected = np.asarray(theirs(moved, training=False))
    answer = np.asarray(ours(signals, training=False)["probability"])
    worst = float(np.abs(expected - answer).max())
    if not worst <= TOLERANCE:
        raise ModelError(path, f"a difference of {worst:.2g} after import", f"at most {TOLERANCE}")
    return worst


def _register(path, folder, task, threshold, rate, model, signals, difference) -> Imported:
    """Write the model, export it and put it into the registry, as one MLflow run."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    folder = folder or Path("models") / task.name / "ecg_xplaim" / "imported"
    info = RunInfo(
        run_id="", experiment=f"ecglens-{DATASET}-{task.name}", name="import-xplaim",
        params={"task": task.name, "model": "ecg_xplaim", "imported": path.name, "sha256": digest,
                "outputs": ",".join(task.labels), **flat(_OPTIONS, "model_options."),
                "prepare.sampling_frequency": rate},
        data_version="not known: imported", data_sha256="not known: imported",
        git_commit=git_commit(),
    )  # fmt: skip
    with open_run(info) as run, whole_folder(folder) as part:
        card = ModelCard(
            task=task.name, model="ecg_xplaim", dataset=DATASET, labels=task.labels,
            thresholds=(threshold,) * len(task.labels), sampling_frequency=rate,
            samples=model.input.shape[1], leads=LEADS, units="mV", other_rates="resample",
            run_id=run.run_id, data_version=info.data_version, git_commit=info.git_commit,
            created=utc_now(),
        )  # fmt: skip
        model.save(part / "model.keras")
        parity = export(model, card, signals.astype(np.float32), part / "model.onnx")
        (part / "parity.json").write_text(json.dumps(asdict(parity), indent=1) + "\n")
        run.save(part / "run.json")
        mlflow.log_artifact(part / "model.keras", Path(IMPORTED_ARTIFACT).parent.name)
        mlflow.log_metric("import_difference", difference)
        decision = register_imported(info.experiment, part / "model.onnx", run.run_id)
    return Imported(folder, card, difference, parity, decision)


@dataclass(frozen=True)
class _Stage:
    convolutions: list
    norm: keras.layers.Layer


@dataclass(frozen=True)
class _Block:
    stages: list[_Stage]
    shortcut: keras.layers.Layer
    shortcut_norm: keras.layers.Layer


class _Reader:
    """Reads the published graph backwards from its output, and refuses any other."""

    def __init__(self, path: object) -> None:
        self._path = path

    def network(self, model: keras.Model) -> tuple[list[_Block], keras.layers.Layer]:
        """Return the blocks, first one first, and the last layer."""
        if not isinstance(model, keras.Model) or len(model.inputs) != 1 or len(model.outputs) != 1:
            raise ModelError(self._path, "a model of several inputs or outputs", "one of each")
        dense = self._is(_maker(model.outputs[0]), "Dense", activation="sigmoid", use_bias=True)
        layer = self._before(self._before(dense, "GlobalAveragePooling1D"), None)
        blocks = []
        while type(layer).__name__ != "InputLayer":
            block, layer = self._block(layer)
            blocks.insert(0, block)
        if not blocks:
            raise ModelError(self._path, "no residual block", "those of ECG-XPLAIM")
        kernels = {
            tuple(c.kernel_size[0] for c in s.convolutions) for b in blocks for s in b.stages
        }
        if len(kernels) > 1:
            raise ModelError(self._path, f"kernels {sorted(kernels)}", "the same in all stages")
        return blocks, dense

    def _block(self, pool) -> tuple[_Block, keras.layers.Layer]:
        """Return the block that ends in a pooling layer, and the layer before it."""
        self._is(pool, "MaxPooling1D", pool_size=(2,), strides=(2,), padding="same")
        add = self._before(self._before(pool, "Activation", activation="relu"), "Add")
        sides = {type(side).__name__: side for side in _parents(add)}
        if set(sides) != {"BatchNormalization", "Activation"}:
            self._refuse(add, "a sum of a shortcut's BatchNormalization and an Activation")
        shortcut = self._before(
            self._norm(sides["BatchNormalization"]), "Conv1D",
            kernel_size=(1,), use_bias=False, activation="linear", strides=(1,),
        )  # fmt: skip
        second, middle = self._stage(sides["Activation"])
        first, start = self._stage(middle)
        if start is not self._before(shortcut, None):
            self._refuse(shortcut, "a shortcut from the block's own input")
        return _Block([first, second], shortcut, sides["BatchNormalization"]), start

    def _stage(self, relu) -> tuple[_Stage, keras.layers.Layer]:
        """Return the stage that ends in an activation, and the layer before it."""
        norm = self._norm(self._before(self._is(relu, "Activation", activation="relu"), None))
        join = self._before(norm, "Concatenate")
        convolutions = [
            self._is(
                c, "Conv1D", use_bias=False, activation="relu", padding="same", strides=(1,),
                dilation_rate=(1,), groups=1, filters=_parents(join)[0].filters,
            )
            for c in _parents(join)
        ]  # fmt: skip
        starts = {id(p): p for c in convolutions for p in _parents(c)}
        if len(starts) != 1:
            self._refuse(join, "convolutions of one and the same input")
        return _Stage(convolutions, norm), starts.popitem()[1]

    def _norm(self, layer):
        return self._is(
            layer, "BatchNormalization", center=True, scale=True, epsilon=1e-3
        )  # fmt: skip

    def _before(self, layer, kind: str | None, **wanted):
        """Return the one layer before another, checked."""
        parents = _parents(layer)
        if len(parents) != 1:
            self._refuse(layer, "one layer before it")
        return self._is(parents[0], kind, **wanted) if kind else parents[0]

    def _is(self, layer, kind: str, **wanted):
        """Return a layer if it is of a kind and has these settings."""
        if type(layer).__name__ != kind:
            self._refuse(layer, f"a layer {kind}")
        for name, value in wanted.items():
            own = getattr(layer, name)
            own = own.__name__ if callable(own) else own
            if (tuple(own) if isinstance(own, list) else own) != value:
                self._refuse(layer, f"{name} = {value}, not {own}")
        return layer

    def _refuse(self, layer, expected: str) -> None:
        raise ModelError(
            self._path,
            f"{type(layer).__name__} {layer.name!r}, not as ECG-XPLAIM has it",
            f"{expected}",
            "Only files of ECG-XPLAIM's architecture can be imported.",
        )


def _maker(tensor):
    return tensor._keras_history.operation


def _parents(layer) -> list:
    """Return the layers before one, in the order of its inputs."""
    if type(layer).__name__ == "InputLayer":
        return []
    inputs = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
    return [_maker(tensor) for tensor in inputs]
