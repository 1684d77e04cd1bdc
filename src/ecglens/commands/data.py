"""``ecglens fetch`` and ``copy-store``: data sets and prepared arrays, from place to place."""

import argparse
import sys
from pathlib import Path

from ecglens.commands.shared import check_counts


def add(commands) -> None:
    """Add the commands to those of ``ecglens``."""
    _add_fetch(commands)
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

    check_counts(options, threads=1)  # before a password is asked for
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


def _copy_store(options: argparse.Namespace) -> int:
    from ecglens.store import copy_store

    copy_store(options.source, options.target)
    print(f"{options.target}: a copy of {options.source}")
    return 0
