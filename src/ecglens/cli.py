"""The command ``ecglens``."""

import argparse
import json
import os
import sys
from pathlib import Path

from ecglens import __version__
from ecglens.commands.explain import add_parser as add_explain
from ecglens.commands.plot import add_parser as add_plot
from ecglens.commands.plot import add_picture
from ecglens.errors import ECGLensError, ModelError

CHAMPIONS = Path("mlruns/champions")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 if something could not be done."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except ECGLensError as error:
        print(f"ecglens: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ecglens", description=__doc__)
    parser.add_argument("--version", action="version", version=f"ecglens {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict = commands.add_parser(
        "predict",
        help="predict ECG files, each with its explanation",
        description="Predict 12-lead ECGs in WFDB, CSV, NPY, NPZ, DICOM, HL7 aECG, GE MUSE XML, "
        "Philips Sierra XML, SCP-ECG or EDF. Exit code 1 if any could not be predicted; the others "
        "are.",
    )
    predict.add_argument(
        "records", nargs="+", metavar="RECORD", help="a file, or a WFDB record without .hea"
    )
    _add_model(predict)
    _add_what_a_file_leaves_out(predict)
    predict.add_argument("--json", action="store_true", help="one JSON object a record and line")
    predict.add_argument(
        "--attribution", action="store_true", help="with --json: each label's map over time"
    )
    predict.add_argument(
        "--plot", type=Path, metavar="FOLDER", help="write the tracing over its heat, a picture a "
        "label, as 'ecglens plot --heat' does",
    )  # fmt: skip
    add_picture(predict, layout="6x2")
    predict.add_argument(
        "--allow-defects", action="store_true",
        help="predict in spite of missing samples or flat leads, with a warning",
    )  # fmt: skip
    predict.set_defaults(run=_predict)

    info = commands.add_parser("info", help="what a model says of itself, as JSON")
    _add_model(info)
    info.set_defaults(run=_info)

    explain = add_explain(commands)
    _add_model(explain)
    _add_what_a_file_leaves_out(explain)
    explain.set_defaults(run=_explain)

    plot = add_plot(commands)
    _add_what_a_file_leaves_out(plot)
    plot.set_defaults(run=_plot)

    _add_fetch(commands)

    serve = commands.add_parser(
        "serve", help="serve the champion of a task with 'mlflow models serve' on 127.0.0.1"
    )
    serve.add_argument("--task", help="default: the first of params.yaml")
    serve.add_argument("--port", type=int, default=5001, help="default: %(default)s")
    serve.set_defaults(run=_serve)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", metavar="FILE",
        help=f"an .onnx file, or the name of a champion in {CHAMPIONS} "
        "(default: the only champion there)",
    )  # fmt: skip


def _add_what_a_file_leaves_out(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what a CSV, NPY or NPZ file does not say itself")
    group.add_argument("--rate", type=float, metavar="HZ", help="the sampling frequency")
    group.add_argument("--units", metavar="UNIT", help="such as mV or uV")
    group.add_argument(
        "--leads", metavar="NAMES", help="the columns of an NPY or NPZ file, such as I,II,III,..."
    )


def _add_fetch(commands) -> None:
    fetch = commands.add_parser(
        "fetch",
        help="download a public data set from PhysioNet, or go on with it",
        description="Make FOLDER hold a data set as published: ptb-xl, ludb, challenge-2020, "
        "challenge-2021, mimic-iv-ecg, or any PROJECT/VERSION of PhysioNet. Every file is checked "
        "against SHA256SUMS.txt; what is there already is not fetched again.",
    )
    fetch.add_argument("set", metavar="SET", help="such as ptb-xl, or ptbdb/1.0.0")
    fetch.add_argument("folder", type=Path, metavar="FOLDER", help="where to")
    fetch.add_argument(
        "--only", action="append", default=[], metavar="PATTERN",
        help="only this folder, such as records100, or pattern, such as 'training/georgia/*.hea', "
        "and the tables at the top of the set (may be repeated)",
    )  # fmt: skip
    fetch.add_argument(
        "--zip", action="store_true",
        help="fetch the set's single zip, and file by file only what it lacks",
    )  # fmt: skip
    fetch.add_argument(
        "--address", metavar="URL", default="https://physionet.org",
        help="a server with PhysioNet's layout (default: %(default)s)",
    )  # fmt: skip
    fetch.add_argument(
        "--threads", type=int, default=8, help="files at a time (default: %(default)s)"
    )
    fetch.add_argument("--user", metavar="NAME", help="ask for this account's password, and use it")
    fetch.set_defaults(run=_fetch)


def _fetch(options: argparse.Namespace) -> int:
    from getpass import getpass

    from ecglens.datasets.physionet import fetch

    auth = (options.user, getpass(f"Password of {options.user}: ")) if options.user else None
    try:
        done = fetch(
            options.set, options.folder, address=options.address, only=options.only,
            as_zip=options.zip, threads=options.threads, auth=auth,
        )  # fmt: skip
    except KeyboardInterrupt:
        print("ecglens: stopped; the same command goes on from here", file=sys.stderr)
        return 130  # as a shell calls what an interrupt ended
    came = f"{done.files} files fetched ({done.size / 1e6:.1f} MB), {done.there} were there"
    other = f"; {done.replaced} stood there with another content" if done.replaced else ""
    print(f"{options.folder}: {came}{other}")
    return 0


def _predict(options: argparse.Namespace) -> int:
    from ecglens.commands.plot import read, write_heat
    from ecglens.inference import Predictor

    predictor = Predictor(find_model(options.model))
    _check_labels(options.label or [], predictor)
    failures = 0
    for number, record in enumerate(options.records):
        try:
            ecg = read(record, options)
            prediction = predictor.predict(ecg, allow_defects=options.allow_defects)
        except ECGLensError as error:
            print(f"ecglens: {error}", file=sys.stderr)
            failures += 1
            continue
        if options.json:
            print(json.dumps(prediction.to_dict(attribution=options.attribution)))
        else:
            print(("\n" if number else "") + table(prediction))
        if options.plot:
            write_heat(prediction, options.plot, options)
    if failures:
        print(f"ecglens: {failures} of {len(options.records)} records failed", file=sys.stderr)
    return 1 if failures else 0


def _explain(options: argparse.Namespace) -> int:
    from ecglens.commands.explain import list_methods, run
    from ecglens.errors import ParameterError
    from ecglens.inference import Predictor

    if options.methods:
        print(list_methods())
        return 0
    if not options.records:
        raise ParameterError("explain", "no record", "at least one", "Or --methods.")
    predictor = Predictor(find_model(options.model))
    _check_labels(options.label or [], predictor)
    return run(options, predictor)


def find_model(name: str | None) -> Path:
    """Return the ONNX file that a user means.

    Raises
    ------
    ModelError
        If there is none, or more than one could be meant.
    """
    champions = sorted(CHAMPIONS.glob("*.onnx"))
    if name:
        named = [c for c in champions if name in (c.stem, c.stem.removeprefix("ecglens-"))]
        return named[0] if named else Path(name)
    if len(champions) == 1:
        return champions[0]
    if champions:
        found, mend = f"champions {', '.join(c.stem for c in champions)}", "Say which with --model."
    else:
        found, mend = (
            "no champion",
            "Run 'make repro' ('make register' if that finds nothing to do), ",
        )
        mend += "or name a file: --model."
    raise ModelError(CHAMPIONS, found, "one model", mend)


def _check_labels(labels: list[str], predictor) -> None:
    from ecglens.errors import LabelError, did_you_mean

    for label in labels:
        if label not in predictor.card.labels:
            known = predictor.card.labels
            raise LabelError(
                predictor.path,
                f"no label {label!r}",
                "one of its labels",
                did_you_mean(label, known),
            )


def table(prediction) -> str:
    """Return a prediction as text: each label's attribution + bias = logit, or the logit alone."""
    card = prediction.card
    record = prediction.record
    sums = f"{'attribution':>12} {'+ bias':>8} {'= logit':>8}" if card.additive else f"{'logit':>8}"
    lines = [
        f"{record.name}: {card.model}, {card.task}, trained on {card.dataset}",
        f"{'label':<10}{'probability':>12}{'threshold':>11}  {'':<4}{sums}",
    ]
    for k, label in enumerate(card.labels):
        sums = f"{prediction.logit[k]:>8.3f}"
        if card.additive:
            total = prediction.attribution[..., k].sum(dtype=float)
            sums = f"{total:>12.3f} {prediction.bias[k]:>8.3f} {sums}"
        lines.append(
            f"{label:<10}{prediction.probability[k]:>12.3f}{card.thresholds[k]:>11.3f}  "
            f"{'yes' if prediction.positive[k] else 'no':<4}{sums}"
        )
    return "\n".join([*lines, *(f"warning: {w}" for w in prediction.warnings)])


def _plot(options: argparse.Namespace) -> int:
    from ecglens.commands.plot import check, run
    from ecglens.inference import Predictor

    check(options)  # before anything is read
    predictor = None
    if options.heat:
        predictor = Predictor(find_model(None if options.heat == "champion" else options.heat))
        _check_labels(options.label or [], predictor)
    return run(options, predictor)


def _info(options: argparse.Namespace) -> int:
    from ecglens.inference import Predictor

    card = Predictor(find_model(options.model)).card
    print(json.dumps(json.loads(card.to_json()), indent=1))
    return 0


def _serve(options: argparse.Namespace) -> int:
    from ecglens.params import load_params
    from ecglens.registry import require_champion
    from ecglens.tracking import experiment_name

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


if __name__ == "__main__":
    sys.exit(main())
