"""``ecglens explain``: why, by any method; what if; the least evidence that turns a decision."""

import argparse
import json
import sys
from pathlib import Path

from ecglens.commands.plot import add_look, look
from ecglens.commands.shared import (
    add_model,
    add_policy,
    add_what_a_file_leaves_out,
    check_counts,
    check_labels,
    find_model,
    reading,
)
from ecglens.errors import ECGLensError, ModelError, ParameterError

# More than exporting a model changes, less than another training would.
SAME_MODEL = 1e-3
GRADIENTS = "gradients"
# Of the call itself, which any method can be asked with.
OF_THE_CALL = ("of", "batch_size")


def add(commands) -> None:
    """Add the command to those of ``ecglens``."""
    parser = commands.add_parser(
        "explain",
        help="explain ECG files by any method, and ask what if a part were not there",
        description="Explain a model's answers for 12-lead ECGs: by method, label, wave and lead. "
        "PART is leads, waves (P, QRS, T, rest) and an interval in s, joined by ':', such as V1, "
        "QRS:V1:V6 or T:1.2-1.8.",
    )
    parser.add_argument("records", nargs="*", metavar="RECORD", help="as for predict")
    parser.add_argument("--methods", action="store_true", help="list the methods, and end")
    parser.add_argument("--method", default="additive", help="default: %(default)s")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="an option of the method, such as layer=relu_4 or steps=128 (may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--label", action="append", metavar="LABEL",
        help="only this label (may be repeated; default: the positive ones, or the most probable)",
    )  # fmt: skip
    parser.add_argument(
        "--keras", type=Path, metavar="FILE",
        help="the trained model, for methods that take gradients "
        "(default: models/TASK/MODEL/trained/model.keras)",
    )  # fmt: skip
    parser.add_argument(
        "--without", action="append", default=[], metavar="PART",
        help="what if this part were not there (may be repeated: all at once)",
    )  # fmt: skip
    parser.add_argument(
        "--fill", default="bridge", help="in its place: zero, mean, bridge, beat (default: bridge)"
    )
    parser.add_argument(
        "--flip", action="store_true", help="the least evidence whose removal turns the decision"
    )
    parser.add_argument(
        "--top", type=int, default=3, metavar="K", help="leads and segments (default: 3)"
    )
    parser.add_argument(
        "--no-waves", action="store_true", help="do not look for waves, which needs neurokit2"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a record and line")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write shares by wave and lead")
    parser.add_argument("--npz", type=Path, metavar="FOLDER", help="write the maps of each record")
    pictures = parser.add_argument_group("pictures")
    pictures.add_argument(
        "--picture", type=Path, metavar="FILE",
        help="draw the tracing over the method's heat: a .png, .svg or .pdf. With several RECORDs "
        "the record's name is added to FILE's; without a single --label, the label's",
    )  # fmt: skip
    add_look(pictures, layout="6x2")
    add_policy(parser)
    add_model(parser)
    add_what_a_file_leaves_out(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain each record; return 1 if any could not be explained."""
    from ecglens.inference import Predictor

    if options.methods:
        print(list_methods())
        return 0
    if not options.records:
        raise ParameterError("explain", "no record", "at least one", "Or --methods.")
    check_counts(options, top=1)
    settings = _settings(options)
    _check_picture(options)
    predictor = Predictor(find_model(options.model))
    predictor.rules(options.policy)
    check_labels(options.label or [], predictor)
    model = _named_model(options, predictor)
    tables, failures = [], 0
    for path in options.records:
        try:
            answer, table = _explain(path, options, settings, predictor, model)
        except ECGLensError as error:
            print(f"ecglens: {error}", file=sys.stderr)
            failures += 1
            continue
        tables.append(table)
        print(json.dumps(answer) if options.json else text(answer))
    if options.csv and any(table is not None for table in tables):
        _write_csv([table for table in tables if table is not None], options.csv)
    if failures:
        print(f"ecglens: {failures} of {len(options.records)} records failed", file=sys.stderr)
    return 1 if failures else 0


def list_methods() -> str:
    """Return the table of methods as text."""
    from ecglens.explain import METHODS

    return "\n".join(
        f"{name:<22}{method.summary}; needs {method.needs}{'; adds up' if method.complete else ''}"
        for name, method in METHODS.items()
    )


def _check_picture(options: argparse.Namespace) -> None:
    """Refuse a picture that could not be written or drawn, before anything is read."""
    if options.picture:
        from ecglens.plots.heat import find_kind
        from ecglens.plots.layout import find_layout

        find_kind(options.picture)
        find_layout(options.layout)


def _settings(options: argparse.Namespace) -> dict:
    """Return what the method is told; a name that it does not know is refused before all else."""
    from ecglens.explain import find_method

    settings = dict(map(_setting, options.settings))
    own = {name: value for name, value in settings.items() if name not in OF_THE_CALL}
    find_method(options.method).options(own, options.method)
    return settings


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ParameterError("--set", repr(text), "NAME=VALUE, such as steps=128")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word, or a number of more digits than Python reads


def _named_model(options: argparse.Namespace, predictor):
    """Return what is explained: the exported file, or the trained model where gradients are."""
    from ecglens.explain import NamedModel, find_method

    if find_method(options.method).needs != GRADIENTS:
        return NamedModel.of(predictor)
    from ecglens.models import load_model
    from ecglens.params import trained_folder

    card = predictor.card
    path = options.keras or trained_folder(card.task, card.model) / "model.keras"
    return NamedModel(load_model(path), card.labels, card.sampling_frequency)


def _explain(path: str, options: argparse.Namespace, settings: dict, predictor, model):
    """Return what is said of one record, ready for JSON, and its table by wave, if any."""
    from ecglens import formats
    from ecglens.explain import explain

    ecg = formats.read(path, **reading(options))
    prediction = predictor.predict(ecg, policy=options.policy)
    card, record = predictor.card, prediction.record  # at the model's rate
    likeliest = [card.labels[int(prediction.probability.argmax())]]
    positive = [label for label, yes in zip(card.labels, prediction.positive, strict=True) if yes]
    labels = options.label or positive or likeliest
    explanation = explain(model, record, labels, options.method, **settings)
    _require_same(model, explanation, prediction)

    answer = explanation.summary(0) | {"warnings": list(prediction.warnings)}
    table = None
    if explanation.over_time and not options.no_waves:
        from ecglens.explain.by_wave import sentence, table_by_wave

        table = table_by_wave(explanation, record.signal[None])
    for label in labels:
        row = answer["labels"][label]
        threshold = card.thresholds[card.labels.index(label)]
        row |= {"threshold": threshold, "positive": row["probability"] >= threshold}
        row |= _ranked(explanation, label, options.top)
        if table is not None:
            row["sentence"] = sentence(table, label)
        if options.flip:
            row["flip"] = _flip(explanation, label, threshold, options, model, record)
    if options.without:
        answer["without"] = _without(options, labels, model, record)
    if options.picture:
        _draw(explanation, labels, prediction, options)
    if options.npz:
        explanation.save(options.npz / f"{record.name}_{options.method}.npz")
    return answer, table


def _draw(explanation, labels: list[str], prediction, options: argparse.Namespace) -> None:
    """Write a picture a label; what is said of it goes to standard error, so JSON stays JSON."""
    from ecglens.explain.picture import draw_explanation
    from ecglens.plots.explained import picture_path, warning_lines
    from ecglens.plots.heat import save_figure

    card, record, wanted = prediction.card, prediction.record, options.picture
    lines = warning_lines(prediction.warnings)
    for label in labels:
        parts = [record.name] * (len(options.records) > 1)
        parts += [label] * (len(options.label or []) != 1)
        threshold = card.thresholds[card.column(label)]
        about = explanation, 0, label, record, threshold
        kind = wanted.suffix.removeprefix(".")
        path = picture_path(wanted.parent, "_".join([wanted.stem, *parts]), kind=kind)
        save_figure(draw_explanation(*about, lines=lines, **look(options)), path)
        print(f"wrote {path}", file=sys.stderr)


def _require_same(model, explanation, prediction) -> None:
    """Refuse a trained model that is not the one that the file was exported from."""
    places = [prediction.card.labels.index(label) for label in explanation.labels]
    exported, own = prediction.logit[places], explanation.logit[0]
    for label, wanted, found in zip(explanation.labels, exported, own, strict=True):
        if abs(wanted - found) > SAME_MODEL * max(1.0, abs(wanted)):
            raise ModelError(
                model.name,
                f"a logit of {found:.4f} for {label}",
                f"{wanted:.4f}, as the exported file gives",
                "Name the trained model that it was exported from with --keras.",
            )


def _ranked(explanation, label: str, k: int) -> dict:
    from ecglens.explain.whatif import top_leads, top_segments

    by_lead = explanation.attribution.shape[2] > 1
    ranked = {}
    if explanation.over_time:
        ranked["segments"] = top_segments(explanation, 0, label, k)
    if by_lead:
        ranked["leads"] = top_leads(explanation, 0, label, k)
    return {
        name: [{"part": str(r.part), "attribution": r.attribution, "share": r.share} for r in rows]
        for name, rows in ranked.items()
    }


def _flip(explanation, label: str, threshold: float, options, model, record) -> dict:
    from ecglens.explain.whatif import smallest_flip

    by = "window" if options.no_waves else "wave"
    found = smallest_flip(model, explanation, record, label, threshold, by=by, fill=options.fill)
    return {"turned": found.turned, "without": list(map(str, found.parts)), "after": found.after}


def _without(options: argparse.Namespace, labels: list[str], model, record) -> dict:
    from ecglens.explain.parts import Part
    from ecglens.explain.whatif import what_if

    parts = [Part.of(text) for text in options.without]
    found = what_if(model, record, parts, labels, fill=options.fill)
    after = dict(zip(labels, map(float, found.after[0]), strict=True))
    return {"parts": list(map(str, parts)), "fill": options.fill, "probability": after}


def _write_csv(tables: list, path: Path) -> None:
    import pandas as pd

    from ecglens.files import whole_file

    with whole_file(path) as part:
        pd.concat(tables).to_csv(part, index=False)


def text(answer: dict) -> str:
    """Return an answer as text."""
    cost = answer["cost"]
    passes = f"{cost['forward_passes']} forward and {cost['gradient_passes']} gradient passes"
    lines = [f"{answer['record']}: {answer['method']}, {passes}, {cost['seconds']:.2f} s"]
    for label, row in answer["labels"].items():
        verdict = "yes" if row["positive"] else "no"
        lines += [
            f"{label}: probability {row['probability']:.3f}, threshold {row['threshold']:.3f}: "
            f"{verdict}",
            f"  attribution {row['attribution_sum']:.3f} + bias {row['bias']:.3f}, "
            f"logit {row['logit']:.3f}; they differ by {row['completeness_error']:.2g}",
        ]
        lines += [f"  {row['sentence']}"] if "sentence" in row else []
        for name in ("leads", "segments"):
            shares = (f"{r['part']} {100 * r['share']:+.0f} %" for r in row.get(name, []))
            lines += [f"  {name}: {', '.join(shares)}"] if name in row else []
        lines += [_flip_line(row["flip"])] if "flip" in row else []
    if "without" in answer:
        gone = answer["without"]
        after = (f"{label} {value:.3f}" for label, value in gone["probability"].items())
        lines.append(f"without {' and '.join(gone['parts'])} ({gone['fill']}): {', '.join(after)}")
    lines += [f"note: {note}" for note in answer["notes"]]
    return "\n".join([*lines, *(f"warning: {warning}" for warning in answer["warnings"])])


def _flip_line(flip: dict) -> str:
    if not flip["turned"]:
        return f"  no removal turns the decision; nearest: probability {flip['after']:.3f}"
    return f"  without {', '.join(flip['without'])} it turns: probability {flip['after']:.3f}"
