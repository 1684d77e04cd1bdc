"""``ecglens info``, ``import-xplaim`` and ``serve``: models, from files and to servers."""

import argparse
import json
import os
import sys
from pathlib import Path

from ecglens.commands.shared import add_model, find_model
from ecglens.errors import ParameterError

PORTS = 2**16


def add(commands) -> None:
    """Add the commands to those of ``ecglens``."""
    info = commands.add_parser("info", help="what a model says of itself, as JSON")
    add_model(info)
    info.set_defaults(run=_info)
    _add_import(commands)

    serve = commands.add_parser(
        "serve", help="serve the champion of a task with 'mlflow models serve' on 127.0.0.1"
    )
    serve.add_argument("--task", help="default: the first of params.yaml")
    serve.add_argument("--port", type=int, default=5001, help="default: %(default)s")
    serve.set_defaults(run=_serve)


def _add_import(commands) -> None:
    parser = commands.add_parser(
        "import-xplaim",
        help="make a registered model of a file that ECG-XPLAIM's authors published",
        description="Take the weights of a .keras file (doi 10.5281/zenodo.14968732) into an "
        "ordinary model: the same probabilities, leads in ECGLens' order, exact explanations.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a .keras file; it runs no code")
    parser.add_argument(
        "--labels", metavar="NAMES",
        help="of its outputs, in their order, such as afib,tachsr (default: by the file's name: "
        "TACHY, CD, LQT, WPW or PACE)",
    )  # fmt: skip
    parser.add_argument("--task", default="", help="a name for these labels (default: the same)")
    parser.add_argument(
        "--threshold", type=float, default=0.5, metavar="PROBABILITY",
        help="from which each label is given (default: %(default)s, as published)",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=int, default=500, metavar="HZ", help="of its input (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER",
        help="where the model goes (default: models/TASK/ecg_xplaim/imported)",
    )  # fmt: skip
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
    from ecglens.import_xplaim import import_file

    labels = options.labels.split(",") if options.labels else ()
    made = import_file(
        options.file, options.output, labels=labels, task=options.task,
        threshold=options.threshold, sampling_frequency=options.rate,
    )  # fmt: skip
    card, decision = made.card, made.decision
    print(f"{options.file.name}: {card.task}, labels {', '.join(card.labels)}")
    print(f"largest difference in probability from the file: {made.difference:.2g}")
    print(f"thresholds: {options.threshold:g} for each label, not chosen on any data")
    print(f"{decision.model} version {decision.version}: {decision.verdict}, {decision.why}")
    print(f"wrote {made.folder}/model.keras (to fine-tune) and model.onnx")
    return 0


def _info(options: argparse.Namespace) -> int:
    from ecglens.inference import Predictor

    card = Predictor(find_model(options.model)).card
    print(json.dumps(json.loads(card.to_json()), indent=1))
    return 0


def _serve(options: argparse.Namespace) -> int:
    from ecglens.params import load_params
    from ecglens.registry import require_champion
    from ecglens.tracking import experiment_name

    if not 0 < options.port < PORTS:
        raise ParameterError("--port", str(options.port), f"a port, 1 to {PORTS - 1}")
    params = load_params()
    address = require_champion(experiment_name(params, options.task or params.tasks[0]))
    mlflow = Path(sys.executable).with_name("mlflow")
    # The server starts its own Python from PATH: it must be this environment's.
    os.environ["PATH"] = f"{mlflow.parent}{os.pathsep}{os.environ['PATH']}"
    print(f"serving {address} on http://127.0.0.1:{options.port}/invocations", flush=True)
    command = (
        f"models serve -m {address} --env-manager local --host 127.0.0.1 --port {options.port}"
    )
    os.execv(mlflow, [str(mlflow), *command.split()])
