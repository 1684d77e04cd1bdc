"""The gate: registers every exported model, and gives the alias ``champion`` to the better one."""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

import ecglens
from ecglens.errors import ModelError
from ecglens.evaluation.metrics import macro_auroc
from ecglens.files import whole_file
from ecglens.inference import Predictor
from ecglens.record import LEADS
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.tracking import connect, utc_now

CHAMPIONS = Path("mlruns/champions")  # the champions' ONNX files, for `ecglens predict`
DECISIONS = Path("mlruns/decisions.jsonl")  # append-only: the registry itself keeps no history
_SERVING = Path(__file__).parent / "serve" / "mlflow_model.py"


@dataclass(frozen=True)
class Decision:
    """A verdict of the gate.

    Parameters
    ----------
    model : str
        Registered name.
    version : str
        Of the newcomer.
    verdict : {"promoted", "kept", "unchanged"}
        Newcomer is champion; champion stays; the newcomer is the champion already.
    why : str
    score : float
        The newcomer's macro AUROC on the validation split.
    champion_version : str
        Who is champion now.
    champion_score : float or None
        Of the champion before, on the same records; None where there was none or it cannot be
        compared.
    run_id, onnx_sha256, decided : str
    """

    model: str
    version: str
    verdict: str
    why: str
    score: float
    champion_version: str
    champion_score: float | None
    run_id: str
    onnx_sha256: str
    decided: str


def promote(
    name: str,
    onnx_file: Path,
    run_id: str,
    score: Callable[[Predictor], float],
    margin: float,
) -> Decision:
    """Register an exported model, and make it champion if it beats the present one.

    Both are scored now, on the same validation records, by the same code.

    Parameters
    ----------
    name : str
        Of the registered model.
    onnx_file : Path
    run_id : str
        The MLflow run that it belongs to; must be active.
    score : callable
        From a predictor to its macro AUROC on the validation split.
    margin : float
        By which the newcomer must be better.
    """
    connect()
    client = MlflowClient()
    newcomer = Predictor(onnx_file)
    digest = hashlib.sha256(onnx_file.read_bytes()).hexdigest()
    number = _registered_version(client, name, digest) or _register(name, newcomer, digest)
    champion = find_champion(name)
    present = champion_predictor(name) if champion and str(champion.version) != number else None
    verdict, why, new_score, old_score = _judge(newcomer, present, champion, score, margin)
    if verdict == "promoted":
        client.set_registered_model_alias(name, "champion", number)
        client.delete_registered_model_alias(name, "challenger")  # it lost to one now beaten
    if verdict == "kept":
        client.set_registered_model_alias(name, "challenger", number)
    else:
        _publish(onnx_file, name)
    now_champion = number if verdict != "kept" else str(champion.version)
    decision = Decision(
        name, number, verdict, why, new_score, now_champion, old_score, run_id, digest, utc_now()
    )
    _remember(decision)
    return decision


def _judge(newcomer, present, champion, score, margin: float):
    """Return the verdict, why, and the scores of newcomer and champion."""
    new_score = score(newcomer)
    if champion is None:
        return "promoted", "there was no champion", new_score, None
    if present is None:
        return "unchanged", "it is the champion already", new_score, None
    if present.card.labels != newcomer.card.labels or _input(present) != _input(newcomer):
        why = "the champion has other labels or another input, so the two cannot be compared"
        return "kept", why, new_score, None
    old_score = score(present)
    verdict = "promoted" if new_score > old_score + margin else "kept"
    why = f"macro AUROC {new_score:.4f} against {old_score:.4f}, margin {margin}"
    return verdict, why, new_score, old_score


def gate_score(predictor: Predictor, store: Store, split: Split) -> float:
    """Return the macro AUROC of an exported model on a split."""
    parts = [
        predictor.run(store.millivolts(split.rows[start : start + 256]))["probability"]
        for start in range(0, len(split.rows), 256)
    ]
    return macro_auroc(split.truth, np.concatenate(parts))


def find_champion(name: str):
    """Return the version that has the alias ``champion``, or None."""
    try:
        return MlflowClient().get_model_version_by_alias(name, "champion")
    except MlflowException:
        return None


def champion_predictor(name: str) -> Predictor:
    """Return a predictor of the champion's registered file."""
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{name}@champion"))
    (onnx_file,) = (folder / "artifacts").glob("*.onnx")
    return Predictor(onnx_file)


def require_champion(name: str) -> str:
    """Return the address of the champion.

    Raises
    ------
    ModelError
        If there is none; names the models that have one.
    """
    connect()
    if find_champion(name) is None:
        others = [m.name for m in MlflowClient().search_registered_models() if m.aliases]
        raise ModelError(
            f"MLflow registry, model {name}",
            "no version with the alias 'champion'",
            f"one (those that have one: {', '.join(others) or 'none'})",
            "Run 'make repro'; if the pipeline is up to date but the registry is empty, "
            "'make register'.",
        )
    return f"models:/{name}@champion"


def _input(predictor: Predictor) -> tuple[int, int]:
    return predictor.card.sampling_frequency, predictor.card.samples


def _registered_version(client: MlflowClient, name: str, digest: str) -> str | None:
    """Return the version that already holds this very file, if any."""
    found = client.search_model_versions(f"name = '{name}' and tags.onnx_sha256 = '{digest}'")
    return str(found[0].version) if found else None


def _register(name: str, predictor: Predictor, digest: str) -> str:
    """Log the file as an MLflow model, register it, and prove that it loads and answers alike."""
    # MLflow asks for type hints and an input example; the signature below says what they would.
    warnings.filterwarnings("ignore", category=UserWarning, module="mlflow.pyfunc")
    card = predictor.card
    shape = (-1, card.samples, len(LEADS))
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(_SERVING),
        artifacts={"onnx": str(predictor.path)},
        code_paths=[str(Path(ecglens.__file__).parent)],
        pip_requirements=[f"{p}=={version(p)}" for p in ("mlflow", "numpy", "onnxruntime")],
        signature=ModelSignature(Schema([TensorSpec(np.dtype(np.float32), shape)])),
        registered_model_name=name,
        metadata=asdict(card),
    )
    number = str(info.registered_model_version)
    probe = np.random.default_rng(0).normal(size=(2, *shape[1:])).astype(np.float32)
    served, direct = mlflow.pyfunc.load_model(info.model_uri).predict(probe), predictor.run(probe)
    for output in card.outputs:
        if not np.allclose(served[output], direct[output], atol=1e-6):
            raise ModelError(name, f"another {output} from the registered model", "the file's own")
    MlflowClient().set_model_version_tag(name, number, "onnx_sha256", digest)
    return number


def _publish(onnx_file: Path, name: str) -> None:
    """Put the champion's file where ``ecglens predict`` looks, whole or not at all."""
    with whole_file(CHAMPIONS / f"{name}.onnx") as part:
        shutil.copyfile(onnx_file, part)


def _remember(decision: Decision) -> None:
    DECISIONS.parent.mkdir(exist_ok=True)
    with open(DECISIONS, "a") as log:
        log.write(json.dumps(asdict(decision)) + "\n")
