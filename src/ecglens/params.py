"""params.yaml, read and checked as a whole: an unknown word is an error, not a default."""

import math
import types
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from ecglens.errors import ParameterError, did_you_mean, run_stage
from ecglens.labels import UNCERTAIN, Policy, check_draw, get_task, task_names
from ecglens.model_params import ModelParams
from ecglens.param_fields import at_least, one_of
from ecglens.quality import known_rules
from ecglens.train_params import TrainParams, check_training

PHYSIONET = "https://physionet.org"
# As in the table of ecglens.datasets, which is beside this module; a test holds the two together.
DATASETS = ("simulated", "ptb-xl", "mimic-iv-ecg", "cinc", "ludb", "plain-folder")


@dataclass(frozen=True)
class SimulatedParams:
    """The simulated data set."""

    records: int = at_least(100)
    seed: int = at_least(0)
    labels: str = one_of("starter", "all")


@dataclass(frozen=True)
class FolderParams:
    """A data set as published.

    Parameters
    ----------
    folder : str
        Where it is.
    """

    folder: str


@dataclass(frozen=True)
class PublishedParams(FolderParams):
    """A data set that PhysioNet has.

    Parameters
    ----------
    download : str
        PhysioNet's address, or that of a server with the same layout, to make the folder hold the
        set first; nothing is fetched where empty.
    """

    download: str


@dataclass(frozen=True)
class CinCParams(PublishedParams):
    """The challenges' folder, and which of its sets; all where empty."""

    sets: list


@dataclass(frozen=True)
class LabelsParams:
    """What counts as a label; see :class:`ecglens.labels.Policy`.

    Parameters
    ----------
    uncertain : {"absent", "present", "leave_out"}
        What becomes of a finding that is only hedged.
    likelihood : float
        Percent below which a code does not count.
    draws : dict
        For tasks that are to use a balanced draw, records of each label.
    seed : int
        Of the draws.
    """

    uncertain: str = one_of(*UNCERTAIN)
    likelihood: float = at_least(0.0)
    draws: dict
    seed: int = at_least(0)

    @property
    def policy(self) -> Policy:
        """What becomes of findings that are not certain."""
        return Policy(self.uncertain, self.likelihood)


@dataclass(frozen=True)
class PrepareParams:
    """The prepared arrays.

    Parameters
    ----------
    quality : dict
        What is done with records that have flags; see :mod:`ecglens.quality.policy`.
    workers, workers_are, scheduler
        Who makes them; see :class:`ecglens.cluster.Workers`. They change no byte.
    """

    sampling_frequency: int = one_of(100, 500)
    seconds: float = at_least(1.0)
    unreadable: str = one_of("stop", "skip")
    other_rates: str = one_of("refuse", "resample")
    other_lengths: str = one_of("refuse", "cut")
    quality: dict
    workers: int = at_least(0)
    workers_are: str = one_of("processes", "threads")
    scheduler: str


@dataclass(frozen=True)
class EvaluateParams:
    """Thresholds and cases.

    Parameters
    ----------
    threshold : str
        How each label's is chosen; see :func:`ecglens.evaluation.metrics.choose_threshold`.
    figures : int
        Labels, from the first, whose cases are drawn in ``cases.pdf``.
    """

    threshold: str = one_of("youden", "accuracy", "f1")
    figures: int = at_least(0)


@dataclass(frozen=True)
class ExplainParams:
    """What the stage explain draws and keeps.

    Parameters
    ----------
    methods : list of str
        Of :data:`ecglens.explain.METHODS`; one that a model cannot be explained by is left out. The
        figures are by the first that is left.
    cases : int
        Drawn of each label and kind: found rightly, missed, given falsely. DVC shows them as plots.
    records : int
        Found rightly, whose maps are averaged for each label, by beat, wave and lead.
    """

    methods: list
    cases: int = at_least(0)
    records: int = at_least(1)


@dataclass(frozen=True)
class BenchmarkParams:
    """The benchmark of explanations.

    Parameters
    ----------
    cases : int
        Simulated records.
    dear : int
        Records a label for measures that ask for a map again and again.
    methods : list
        Of :data:`ecglens.explain.METHODS`; all that fit the model where empty.
    """

    cases: int = at_least(10)
    dear: int = at_least(2)
    methods: list


@dataclass(frozen=True)
class PromoteParams:
    """The gate."""

    margin: float = at_least(0.0)


@dataclass(frozen=True)
class Params:
    """All of params.yaml."""

    dataset: str
    tasks: list
    models: list
    simulated: SimulatedParams
    ptb_xl: PublishedParams
    mimic_iv_ecg: PublishedParams
    cinc: CinCParams
    ludb: PublishedParams
    plain_folder: FolderParams
    labels: LabelsParams
    prepare: PrepareParams
    model: ModelParams
    train: TrainParams
    evaluate: EvaluateParams
    explain: ExplainParams
    benchmark: BenchmarkParams
    promote: PromoteParams

    @property
    def dataset_options(self) -> dict[str, Any]:
        """The data set's own section."""
        return asdict(getattr(self, self.dataset.replace("-", "_")))

    @property
    def crop(self) -> int | None:
        """Samples of the stretches to train on; None for whole records."""
        return round(self.train.crop_seconds * self.prepare.sampling_frequency) or None

    @property
    def raw_folder(self) -> Path:
        """The data set as its publisher lays it out."""
        return Path("data/raw") / self.dataset

    @property
    def manifest(self) -> Path:
        """One row a record."""
        return Path("data") / self.dataset / "manifest.parquet"

    @property
    def label_report(self) -> Path:
        """How many records carry what."""
        return Path("reports/labels") / self.dataset

    @property
    def signals(self) -> Path:
        """The prepared arrays."""
        return Path("data") / self.dataset / "signals"


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml.

    Raises
    ------
    ParameterError
        Naming file, key, what was found, what is known and the nearest to it.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ParameterError(
            path, "no such file", "the project's parameters", "Run this in the project's folder."
        ) from None
    except yaml.YAMLError as error:
        raise ParameterError(path, f"no YAML: {error}", "a YAML file") from None
    params = _build(Params, content, str(path))
    _check_names(f"{path}: dataset", [params.dataset], DATASETS)
    _check_names(f"{path}: tasks", params.tasks, task_names())
    _check_names(f"{path}: models", params.models, [f.name for f in fields(ModelParams)])
    _check_labels(params.labels, str(path))
    if params.train.beside:
        others = [task for task in task_names() if task not in params.tasks]
        _check_names(f"{path}: train: beside", [params.train.beside], others)
    rate, seconds = params.prepare.sampling_frequency, params.prepare.seconds
    check_training(params.train, f"{path}: train", rate, seconds)
    known_rules(params.prepare.quality, f"{path}: prepare: quality")
    if "folder" in params.dataset_options:
        _check_source(params, str(path))
    return params


def _check_source(params: Params, path: str) -> None:
    """Refuse a source that is not named, or that the fetch stage would replace by itself."""
    name, where = params.dataset, f"{path}: {params.dataset}.folder"
    source, download = (params.dataset_options.get(key) for key in ("folder", "download"))
    if not source:
        mend = f"For one run: dvc exp run -S dataset={name} -S {name}.folder=/data/{name}"
        if download is not None:
            mend += f"; with -S {name}.download={PHYSIONET} it is downloaded there first"
        raise ParameterError(
            where, "no folder", f"where {name} is, as its publisher lays it out", f"{mend}."
        )
    inside, own = Path(source).resolve(), params.raw_folder.resolve()
    if inside == own or own in inside.parents or inside in own.parents:
        raise ParameterError(
            where, source, f"a folder apart from {params.raw_folder}, which the pipeline writes"
        )


def _key(name: str) -> str:
    """Return a field's key in the file: a data set's own name for its section, as dvc.yaml asks."""
    hyphened = name.replace("_", "-")
    return hyphened if hyphened in DATASETS else name


def _build(cls: type, content: object, where: str) -> Any:
    """Return a dataclass filled from a mapping, each value checked."""
    known = {_key(f.name): f for f in fields(cls)}
    if not isinstance(content, dict):
        raise ParameterError(where, repr(content), f"a mapping with {', '.join(known)}")
    for key in content:
        if key not in known:
            raise ParameterError(where, f"the key {key!r}", "a known key", did_you_mean(key, known))
    values = {}
    for key, spec in known.items():
        if key not in content:
            raise ParameterError(where, f"no {key!r}", f"a value for {key!r}")
        values[spec.name] = _checked(spec, content[key], f"{where}: {key}")
    return cls(**values)


def _checked(spec: Any, value: Any, where: str) -> Any:
    if is_dataclass(spec.type):
        return _build(spec.type, value, where)
    if isinstance(spec.type, types.GenericAlias):  # tuple[int, ...], tuple[float, ...]
        each = SimpleNamespace(type=spec.type.__args__[0], metadata=spec.metadata)
        if not isinstance(value, list):
            raise ParameterError(where, repr(value), f"a list of type {each.type.__name__}")
        return tuple(_checked(each, item, f"{where}[{n}]") for n, item in enumerate(value))
    if spec.type is float and isinstance(value, str):
        with suppress(ValueError):  # the YAML 1.1 that PyYAML reads takes 1e-3 for a word
            value = float(value)
    wanted = (int, float) if spec.type is float else spec.type
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise ParameterError(where, repr(value), f"a value of type {spec.type.__name__}")
    choices, lowest = spec.metadata.get("choices"), spec.metadata.get("lowest")
    if choices and value not in choices:
        guess = did_you_mean(value, map(str, choices))
        raise ParameterError(where, repr(value), "one of the choices", guess)
    if isinstance(value, float) and not math.isfinite(value):
        raise ParameterError(where, repr(value), "a finite number")
    if lowest is not None and not value >= lowest:
        raise ParameterError(where, repr(value), f"at least {lowest}")
    if (below := spec.metadata.get("below")) is not None and not value < below:
        raise ParameterError(where, repr(value), f"less than {below}")
    if (highest := spec.metadata.get("highest")) is not None and value > highest:
        raise ParameterError(where, repr(value), f"at most {highest}")
    return float(value) if spec.type is float else value


def _check_labels(labels: LabelsParams, path: str) -> None:
    """Refuse a policy or a draw that means nothing."""
    if labels.likelihood > 100:
        where = f"{path}: labels: likelihood"
        raise ParameterError(where, str(labels.likelihood), "percent, 0-100")
    for task, wanted in labels.draws.items():
        _check_names(f"{path}: labels: draws", [task], task_names())
        check_draw(get_task(task), wanted, f"{path}: labels: draws: {task}")


def _check_names(where: str, names: list, known: list[str] | tuple[str, ...]) -> None:
    if not names:
        raise ParameterError(where, "an empty list", "at least one", did_you_mean("", known))
    for name in names:
        if name not in known:
            raise ParameterError(where, repr(name), "a known name", did_you_mean(name, known))
    if len(set(names)) < len(names):
        raise ParameterError(where, f"{names}", "each name once")


def trained_folder(task: str, model: str) -> Path:
    """Weights, history and run of a training."""
    return Path("models") / task / model / "trained"


def training_metrics(task: str, model: str) -> Path:
    """Figures of a training on its validation records."""
    return Path("reports") / task / model / "training.json"


def training_folder(task: str, model: str) -> Path:
    """Progress of trainings that were stopped; not an output, so DVC leaves it."""
    return Path("models") / task / model / "training"


def onnx_file(task: str, model: str) -> Path:
    """The exported model."""
    return Path("models") / task / model / "model.onnx"


def parity_file(task: str, model: str) -> Path:
    """How far the exported model is from the trained one."""
    return Path("reports") / task / model / "parity.json"


def evaluation_folder(task: str, model: str) -> Path:
    """Metrics, thresholds, curves and pictures."""
    return Path("reports") / task / model / "evaluation"


def explanation_folder(task: str, model: str) -> Path:
    """Cases under their heat, maps, and what each label comes from."""
    return Path("reports") / task / model / "explanations"


def faithfulness_folder(task: str, model: str) -> Path:
    """What the benchmark of explanations found."""
    return Path("reports") / task / model / "faithfulness"


def promotion_file(task: str, model: str) -> Path:
    """The gate's verdict."""
    return Path("reports") / task / model / "promotion.json"


if __name__ == "__main__":  # `make repro` asks before DVC, which makes no suggestion
    run_stage(load_params)
