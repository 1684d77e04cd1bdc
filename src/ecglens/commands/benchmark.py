"""The command ``ecglens benchmark-explanations``."""

import argparse
from pathlib import Path

from ecglens.commands.shared import check_counts


def add(commands) -> None:
    """Add the command to those of ``ecglens``."""
    command = commands.add_parser(
        "benchmark-explanations",
        help="judge every method of explanation on a trained model",
        description="Measure how faithful each method's maps are: against the simulator's "
        "evidence, against what the literature expects on LUDB's delineated waves, by taking parts "
        "of records away, under noise and shift, and with the model's weights randomised; each "
        "with an interval and a random map beside it. What a stopped run had finished is kept.",
    )
    command.add_argument("task", metavar="TASK", help="such as rhythm_conduction")
    command.add_argument("model", metavar="MODEL", help="a model that was trained for it")
    command.add_argument(
        "--records", type=int, default=500, metavar="N", help="simulated (default: %(default)s)"
    )
    command.add_argument(
        "--dear", type=int, default=10, metavar="N",
        help="records a label for measures that explain anew (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--method", action="append", default=[], metavar="NAME",
        help="only this one (may be repeated; default: all that fit the model)",
    )  # fmt: skip
    command.add_argument("--ludb", type=Path, metavar="FOLDER", help="LUDB, as published")
    command.add_argument("--restart", action="store_true", help="keep nothing of an earlier run")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ecglens.explain.benchmark_run import Question, judge
    from ecglens.explain.faithfulness_summary import markdown
    from ecglens.labels import get_task
    from ecglens.params import faithfulness_folder, load_params

    check_counts(options, records=10, dear=2)
    task, params = get_task(options.task), load_params()
    folder = faithfulness_folder(task.name, options.model)
    question = Question(options.records, options.dear, options.method, options.ludb, params)
    summary, not_judged = judge(
        task, options.model, question, folder,
        sampling_frequency=params.prepare.sampling_frequency, restart=options.restart,
    )  # fmt: skip
    print(markdown(summary))
    for case_set, reason in not_judged.items():
        print(f"not judged on {case_set}: {reason}")
    print(f"tables and pictures are in {folder}")
    return 0
