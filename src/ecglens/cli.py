"""The command ``ecglens``."""

import argparse
import os
import sys

from ecglens import __version__
from ecglens.commands import benchmark, data, explain, models, plot, predict
from ecglens.errors import ECGLensError


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
    for module in (predict, explain, plot, models, data, benchmark):
        module.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
