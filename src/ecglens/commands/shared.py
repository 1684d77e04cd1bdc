"""What several commands of ``ecglens`` have in common."""

import argparse
from pathlib import Path

from ecglens.errors import LabelError, ModelError, ParameterError, did_you_mean

CHAMPIONS = Path("mlruns/champions")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add which model is meant."""
    parser.add_argument(
        "--model", metavar="FILE",
        help=f"an .onnx file, or the name of a champion in {CHAMPIONS} "
        "(default: the only champion there)",
    )  # fmt: skip


def add_what_a_file_leaves_out(parser: argparse.ArgumentParser) -> None:
    """Add what is to be said of files that do not say it themselves."""
    group = parser.add_argument_group("what a CSV, NPY or NPZ file does not say itself")
    group.add_argument("--rate", type=float, metavar="HZ", help="the sampling frequency")
    group.add_argument("--units", metavar="UNIT", help="such as mV or uV")
    group.add_argument(
        "--leads", metavar="NAMES", help="the columns of an NPY or NPZ file, such as I,II,III,..."
    )


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Add what is done with a record of poor quality."""
    parser.add_argument(
        "--policy", action="append", default=[], metavar="RULE",
        help="what is done with a record of poor quality. keep, mask_lead or abstain: with missing "
        "samples and flat leads (default: abstain). FLAG=POLICY or SEVERITY=POLICY, such as "
        "noise=mask_lead or warning=abstain: with others (default: what was done when the model "
        "was trained). May be repeated",
    )  # fmt: skip


def reading(options: argparse.Namespace) -> dict:
    """Return what :func:`ecglens.formats.read` is told beside the path."""
    leads = options.leads.split(",") if options.leads else None
    return {"sampling_frequency": options.rate, "units": options.units, "leads": leads}


def check_counts(options: argparse.Namespace, **lowest: int) -> None:
    """Refuse whole numbers below the lowest that means something, by the options' names.

    Raises
    ------
    ParameterError
    """
    for name, least in lowest.items():
        if (value := getattr(options, name)) < least:
            raise ParameterError(f"--{name}", str(value), f"at least {least}")


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


def check_labels(labels: list[str], predictor) -> None:
    """Refuse labels that a model does not have.

    Raises
    ------
    LabelError
    """
    for label in labels:
        if label not in predictor.card.labels:
            known = predictor.card.labels
            raise LabelError(
                predictor.path,
                f"no label {label!r}",
                "one of its labels",
                did_you_mean(label, known),
            )
