"""``ecglens predict``: records, folders of them, manifests and prepared arrays."""

import argparse
import json
import sys
from pathlib import Path

from ecglens.commands.plot import add_picture, write_heat
from ecglens.commands.shared import (
    add_model,
    add_policy,
    add_what_a_file_leaves_out,
    check_counts,
    check_labels,
    find_model,
    reading,
)
from ecglens.errors import ECGLensError, ParameterError


def add(commands) -> None:
    """Add the command to those of ``ecglens``."""
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
    add_model(predict)
    _add_many(predict)
    add_what_a_file_leaves_out(predict)
    predict.add_argument("--json", action="store_true", help="one JSON object a record and line")
    predict.add_argument(
        "--attribution", action="store_true", help="with --json: each label's map over time"
    )
    predict.add_argument(
        "--plot", type=Path, metavar="FOLDER", help="write the tracing over its heat, a picture a "
        "label, as 'ecglens plot --heat' does",
    )  # fmt: skip
    add_picture(predict, layout="6x2")
    add_policy(predict)
    predict.set_defaults(run=run)


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


def run(options: argparse.Namespace) -> int:
    """Predict each record; return 1 if any has no prediction."""
    from ecglens.batch import find_records, read_manifest, read_record
    from ecglens.inference import Abstention, Predictor
    from ecglens.quality import AbstainedError

    check_counts(options, workers=0)
    predictor = Predictor(find_model(options.model))
    predictor.rules(options.policy)  # refused here, before any record is read
    check_labels(options.label or [], predictor)
    records = find_records(options.records)
    if options.manifest:
        rate = predictor.card.sampling_frequency
        records += read_manifest(options.manifest, options.folder, rate)
    if not records:
        raise ParameterError("predict", "no record", "a RECORD, or --manifest FILE")
    if options.table:
        return _predict_table(options, predictor.path, records)
    failures = 0
    for number, record in enumerate(records):
        try:
            ecg = read_record(record, **reading(options))
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
            write_heat(prediction, options.plot, options)
    if failures:
        found = f"{failures} of {len(records)} records have no prediction"
        print(f"ecglens: {found}", file=sys.stderr)
    return 1 if failures else 0


def _predict_table(options: argparse.Namespace, model: Path, records: list) -> int:
    from ecglens.batch import predict_table
    from ecglens.cluster import Workers

    if options.json or options.attribution or options.plot:
        found = "--table beside --json, --attribution or --plot"
        raise ParameterError("predict", found, "one or the other", "A table has numbers alone.")
    kind = "threads" if options.threads else "processes"
    workers = Workers(options.workers, kind, options.scheduler)
    asking = {"policy": options.policy}
    try:
        done = predict_table(model, records, options.table, workers, reading(options), asking)
    except KeyboardInterrupt:
        print("ecglens: stopped; the same command goes on from here", file=sys.stderr)
        return 130  # as a shell calls what an interrupt ended
    print(f"{options.table}: {done.records} records")
    if done.failed:
        said = f"{done.failed} of {done.records} records failed: see the column error"
        print(f"ecglens: {said}", file=sys.stderr)
    return 1 if done.failed else 0


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
