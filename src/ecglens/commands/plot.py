"""``ecglens plot``: tracings on ECG paper, with a model's heat if one is named."""

import argparse
import sys
from pathlib import Path

from ecglens.commands.shared import (
    add_policy,
    add_what_a_file_leaves_out,
    check_labels,
    find_model,
    reading,
)
from ecglens.errors import ECGLensError, ParameterError


def add(commands) -> None:
    """Add the command to those of ``ecglens``."""
    parser = commands.add_parser(
        "plot",
        help="draw ECG files on ECG paper, with a model's heat if one is named",
        description="Draw 12-lead ECGs of any format that 'ecglens predict' reads, to scale: "
        "printed at 100 %%, a small box is 1 mm. What is wrong with a lead is written beside it. "
        "Exit code 1 if any could not be drawn; the others are.",
    )
    parser.add_argument(
        "records", nargs="+", metavar="RECORD", help="a file, or a WFDB record without .hea"
    )
    parser.add_argument(
        "--heat", metavar="MODEL",
        help="draw this model's attribution behind the tracing: an .onnx file, a champion's name, "
        "or 'champion' for the only one there is",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="twelve leads at a glance, without ECG paper"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="where to (default: here)"
    )
    add_policy(parser)
    add_picture(parser, layout="3x4")
    add_what_a_file_leaves_out(parser)
    parser.set_defaults(run=run)


def add_picture(parser: argparse.ArgumentParser, *, layout: str) -> None:
    """Add of which labels pictures are made, of what type, and how they look."""
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--label", action="append", metavar="LABEL",
        help="the heat of this label only (may be repeated; default: the positive ones, or the "
        "most probable)",
    )  # fmt: skip
    group.add_argument(
        "--format", default="png", choices=("png", "svg", "pdf"), help="default: %(default)s"
    )
    add_look(group, layout=layout)


def add_look(group, *, layout: str) -> None:
    """Add how a picture looks, with a default layout."""
    group.add_argument(
        "--layout", default=layout, metavar="LAYOUT",
        help="6x2, 12x1, 3x4 with a rhythm strip, or a lead's name for it alone (default: "
        "%(default)s)",
    )  # fmt: skip
    group.add_argument("--speed", type=float, metavar="MM_PER_S", help="default: 25, or what fits")
    group.add_argument("--gain", type=float, metavar="MM_PER_MV", help="default: 10, or what fits")


def check(options: argparse.Namespace) -> None:
    """Refuse options that mean nothing.

    Raises
    ------
    ParameterError
        If the layout is not known, or options exclude one another.
    """
    from ecglens.plots.layout import find_layout

    find_layout(options.layout)
    if options.label and not options.heat:
        raise ParameterError("--label", options.label[0], "a model too", "Name one with --heat.")
    if options.quick and options.heat:
        raise ParameterError("--quick", "--heat too", "one of the two", "Heat is drawn on paper.")


def run(options: argparse.Namespace) -> int:
    """Draw each record; return 1 if any could not be drawn."""
    from ecglens import formats
    from ecglens.inference import Predictor

    check(options)  # before anything is read
    predictor = None
    if options.heat:
        predictor = Predictor(find_model(None if options.heat == "champion" else options.heat))
        predictor.rules(options.policy)
        check_labels(options.label or [], predictor)
    failures = 0
    for record in options.records:
        try:
            ecg = formats.read(record, **reading(options))
            if predictor is None:
                _write_tracing(ecg, options)
            else:
                prediction = predictor.predict(ecg, policy=options.policy)
                write_heat(prediction, options.out, options)
        except ECGLensError as error:
            print(f"ecglens: {error}", file=sys.stderr)
            failures += 1
    if failures:
        print(f"ecglens: {failures} of {len(options.records)} records failed", file=sys.stderr)
    return 1 if failures else 0


def _write_tracing(record, options: argparse.Namespace) -> None:
    from ecglens.plots.explained import picture_path
    from ecglens.plots.heat import save_figure
    from ecglens.plots.paper import draw_paper
    from ecglens.plots.quick import draw_quick

    if options.quick:
        figure = draw_quick(record)
    else:
        figure = draw_paper(record, title=record.name, **look(options))
    path = picture_path(options.out, record.name, kind=options.format)
    save_figure(figure, path)
    print(f"wrote {path}", file=sys.stderr)


def write_heat(prediction, folder: Path, options: argparse.Namespace) -> None:
    """Write a picture a label; progress goes to standard error, so that --json stays JSON."""
    from ecglens.plots.explained import write_prediction

    paths = write_prediction(
        prediction, folder, options.label, kind=options.format, **look(options)
    )
    for path in paths:
        print(f"wrote {path}", file=sys.stderr)


def look(options: argparse.Namespace) -> dict:
    """Return what :func:`add_look` asked, as the functions that draw take it."""
    return {"layout": options.layout, "speed": options.speed, "gain": options.gain}
