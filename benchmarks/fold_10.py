"""Counts how often a benchmark opens fold 10 of PTB-XL, in a file that git keeps."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

OPENINGS = Path(__file__).parent / "results" / "quality" / "openings.txt"


def write_opening() -> None:
    OPENINGS.parent.mkdir(parents=True, exist_ok=True)
    git = ["git", "-C", Path(__file__).parent, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    with open(OPENINGS, "a") as log:
        log.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {commit} {Path(sys.argv[0]).name}\n")
    print(f"opening {len(OPENINGS.read_text().splitlines())} of fold 10 since they are counted")
