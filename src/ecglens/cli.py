"""The command ``ecglens``."""

import argparse
import json
import os
import sys
from pathlib import Path

from ecglens import __version__, benchmark_command
from ecglens.commands.explain import add_parser as add_explain
from ecglens.errors import ECGLensError, ModelError, ParameterError

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
        "Philips Sierra XML, SCP-ECG or EDF. Exit code 1 if any could not be, or must not be, "
        "predicted; the others are.",
    )
    predict.add_argument(
        "records", nargs="*", metavar="RECORD",
        help="a file, a WFDB record without .hea, a folder of such, or prepared arrays, which may "
        "lie on object storage",
    )  # fmt: skip
    _add_model(predict)
    _add_many(predict)
    _add_what_a_file_leaves_out(predict)
    predict.add_argument("--json", action="store_true", help="one JSON object a record and line")
    predict.add_argument(
        "--attribution", action="store_true", help="with --json: each label's map over time"
    )
    predict.add_argument(
        "--plot", type=Path, metavar="FOLDER", help="write the tracing over its heat, a label a PNG"
    )
    predict.add_argument(
        "--label", action="append", metavar="LABEL",
        help="with --plot: only this label (may be repeated; default: the positive ones, or the "
        "most probable)",
    )  # fmt: skip
    predict.add_argument(
        "--policy", action="append", default=[], metavar="RULE",
        help="what is done with a record of poor quality. keep, mask_lead or abstain: with missing "
        "samples and flat leads (default: abstain). FLAG=POLICY or SEVERITY=POLICY, such as "
        "noise=mask_lead or warning=abstain: with others (default: what was done when the model "
        "was trained). May be repeated",
    )  # fmt: skip
    predict.set_defaults(run=_predict)

    copy = commands.add_parser(
        "copy-store",
        help="copy prepared arrays to object storage, or from there",
        description="Copy a folder of prepared arrays, such as data/ptb-xl/signals, to an address "
        "such as s3://bucket/ptb-xl, or from there. Any protocol of fsspec is one; its FSSPEC_... "
        "variables say what an address does not.",
    )
    copy.add_argument("source", metavar="FROM")
    copy.add_argument("target", metavar="TO")
    copy.set_defaults(run=_copy_store)

    info = commands.add_parser("info", help="what a model says of itself, as JSON")
    _add_model(info)
    info.set_defaults(run=_info)

    explain = add_explain(commands)
    _add_model(explain)
    _add_what_a_file_leaves_out(explain)
    explain.set_defaults(run=_explain)

    _add_fetch(commands)
    _add_import(commands)
    benchmark_command.add(commands)

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


def _add_many(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("many records")
    group.add_argument(
        "--table", type=Path, metavar="FILE",
        help="write one row a record to this .csv or .parquet, with the errors of those that have "
        "no prediction. What is killed goes on where it stopped",
    )  # fmt: skip
    group.add_argument(
        "--manifest", type=Path, metavar="FILE",
        help="the records of a .csv or .parquet with the columns record_id and file",
    )  # fmt: skip
    group.add_argument(
        "--folder", type=Path, help="that the manifest's files are in (default: its own)"
    )
    group.add_argument(
        "--workers", type=int, default=0, metavar="N",
        help="with --table: processes at a time (default: one for each core)",
    )  # fmt: skip
    group.add_argument("--threads", action="store_true", help="threads, rather than processes")
    group.add_argument(
        "--scheduler", default="", metavar="ADDRESS",
        help="with --table: use the workers of this Dask scheduler, such as tcp://10.0.0.5:8786",
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
    from ecglens.batch import find_records, read_manifest, read_record
    from ecglens.inference import Abstention, Predictor
    from ecglens.quality import AbstainedError

    predictor = Predictor(find_model(options.model))
    predictor.rules(options.policy)  # refused here, before any record is read
    _check_labels(options.label or [], predictor)
    records = find_records(options.records)
    if options.manifest:
        rate = predictor.card.sampling_frequency
        records += read_manifest(options.manifest, options.folder, rate)
    if not records:
        raise ParameterError("predict", "no record", "a RECORD, or --manifest FILE")
    leads = options.leads.split(",") if options.leads else None
    reading = {"sampling_frequency": options.rate, "units": options.units, "leads": leads}
    if options.table:
        return _predict_table(options, predictor.path, records, reading)
    failures = 0
    for number, record in enumerate(records):
        try:
            ecg = read_record(record, **reading)
            prediction = predictor.predict(ecg, policy=options.policy)
        except AbstainedError as error:
            answer = Abstention(ecg, predictor.card, error.reasons, error.flags)
            without = json.dumps(answer.to_dict()) if options.json else abstention(answer)
            print(without if options.json or not number else f"\n{without}")
            print(f"ecglens: {error}", file=sys.stderr)
            failures += 1
            continue
        except ECGLensError as error:
            print(f"ecglens: {error}", file=sys.stderr)
            failures += 1
            continue
        if options.json:
            print(json.dumps(prediction.to_dict(attribution=options.attribution)))
        else:
            print(("\n" if number else "") + table(prediction))
        if options.plot:
            _plot(prediction, options.plot, options.label)
    if failures:
        found = f"{failures} of {len(records)} records have no prediction"
        print(f"ecglens: {found}", file=sys.stderr)
    return 1 if failures else 0


def _predict_table(options: argparse.Namespace, model: Path, records: list, reading: dict) -> int:
    from ecglens.batch import predict_table
    from ecglens.cluster import Workers

    if options.json or options.attribution or options.plot:
        found = "--table beside --json, --attribution or --plot"
        raise ParameterError("predict", found, "one or the other", "A table has numbers alone.")
    kind = "threads" if options.threads else "processes"
    workers = Workers(options.workers, kind, options.scheduler)
    asking = {"policy": options.policy}
    try:
        done = predict_table(model, records, options.table, workers, reading, asking)
    except KeyboardInterrupt:
        print("ecglens: stopped; the same command goes on from here", file=sys.stderr)
        return 130  # as a shell calls what an interrupt ended
    print(f"{options.table}: {done.records} records")
    if done.failed:
        said = f"{done.failed} of {done.records} records failed: see the column error"
        print(f"ecglens: {said}", file=sys.stderr)
    return 1 if done.failed else 0


def _copy_store(options: argparse.Namespace) -> int:
    from ecglens.store import copy_store

    copy_store(options.source, options.target)
    print(f"{options.target}: a copy of {options.source}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    from ecglens.commands.explain import list_methods, run
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
    lines += [f"warning: {sentence}" for sentence in prediction.warnings]
    return "\n".join([*lines, *(f"note: {sentence}" for sentence in prediction.notes)])


def abstention(answer) -> str:
    """Return as text that there is no prediction, and why."""
    card, said = answer.card, answer.to_dict()
    lines = [
        f"{answer.record.name}: ABSTAINED, NO PREDICTION: {card.model}, {card.task}, trained on "
        f"{card.dataset}",
        *(f"reason: {sentence}" for sentence in said["reasons"]),
        *(f"warning: {s}" for s in said["warnings"] if s not in said["reasons"]),
    ]
    return "\n".join(lines)


def _plot(prediction, folder: Path, labels: list[str] | None) -> None:
    """Write a picture a label; progress goes to standard error, so that --json stays JSON."""
    from ecglens.plots.explained import draw_explained
    from ecglens.plots.heat import save_figure

    card = prediction.card
    positive = [label for label, yes in zip(card.labels, prediction.positive, strict=True) if yes]
    likeliest = [card.labels[int(prediction.probability.argmax())]]
    folder.mkdir(parents=True, exist_ok=True)
    for label in labels or positive or likeliest:
        k = card.labels.index(label)
        figure = draw_explained(
            prediction.record,
            label,
            prediction.attribution[..., k] if card.additive else None,
            probability=float(prediction.probability[k]),
            threshold=card.thresholds[k],
            bias=float(prediction.bias[k]) if card.additive else None,
            logit=float(prediction.logit[k]),
        )
        path = folder / f"{prediction.record.name}_{label.replace('/', '-')}.png"
        save_figure(figure, path)
        print(f"wrote {path}", file=sys.stderr)


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
