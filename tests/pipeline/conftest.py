"""A copy of the repository in which the real pipeline runs, small, with this interpreter."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# Every label is in every fold, and training and benchmark take seconds.
SMALL = {
    "simulated.records": 200, "epochs": 2,
    "benchmark.cases": 60, "benchmark.methods": "[additive, random]",
}  # fmt: skip
IDENTITY = {"user.name": "Test", "user.email": "test@example.org"}


class Output(str):
    """What a command printed, and which stages DVC says in it, in order."""

    @property
    def ran(self) -> list[str]:
        return re.findall(r"Running stage '([^']+)'", self)

    @property
    def unchanged(self) -> list[str]:
        return re.findall(r"Stage '([^']+)' didn't change", self)


@dataclass(frozen=True)
class Project:
    """A checkout of the repository, with its own data, cache and MLflow database."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return this interpreter's programs first, the checkout's code, and nothing inherited."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "DVC_"))}
        programs = Path(sys.executable).parent
        return inherited | {
            "PATH": f"{programs}{os.pathsep}{inherited['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def run(self, *command: str | Path, succeeds: bool = True) -> Output:
        """Run a command in the checkout; return what it printed and wrote to standard error."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        assert (done.returncode == 0) == succeeds, f"{command}: {done.returncode}\n{done.stdout}"
        return Output(done.stdout)

    def repro(self, *arguments: str, succeeds: bool = True) -> Output:
        """Run ``dvc repro``."""
        return self.run("dvc", "repro", *arguments, succeeds=succeeds)

    def start(self, *command: str, output: Path) -> subprocess.Popen:
        """Start a command in a process group of its own, so that it can be ended with its kin."""
        with open(output, "wb") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def query(self, sql: str) -> list[tuple]:
        """Return rows of the MLflow database, which is only read."""
        address = f"file:{self.folder / 'mlruns/mlflow.db'}?mode=ro"
        with sqlite3.connect(address, uri=True) as database:
            return database.execute(sql).fetchall()

    def set_params(self, **values: object) -> None:
        """Change values of params.yaml in place: by name, or by section and name with a dot.

        A name without its section must stand there once.
        """
        path = self.folder / "params.yaml"
        text = path.read_text("utf-8")
        for key, value in values.items():
            section, _, name = key.rpartition(".")
            inside = rf"^{section}:\n(?:[ #].*\n|\n)*?" if section else ""
            text, count = re.subn(rf"(?m)({inside}^\s*{name}:\s).*$", rf"\g<1>{value}", text)
            assert count == 1, f"{key} stands {count} times in params.yaml"
        path.write_text(text, "utf-8")

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)


def copy_repository(folder: Path) -> Project:
    """Copy what git tracks, or would, as it stands now; without what a run has locked."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    for name in filter(None, done.stdout.split("\0")):
        if name != "dvc.lock" and (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    project = Project(folder)
    project.run("git", "init", "--quiet")
    for key, value in IDENTITY.items():
        project.run("git", "config", key, value)
    return project


@pytest.fixture(scope="session")
def new_project():
    """Return what makes a project of its own, for what must not share the first run's."""
    return copy_repository


@pytest.fixture(scope="session")
def first_run(tmp_path_factory) -> tuple[Project, Output]:
    """Return a project after its first whole ``dvc repro``, and what that printed."""
    project = copy_repository(tmp_path_factory.mktemp("pipeline") / "origin")
    project.set_params(**SMALL, dataset="simulated", tasks="[rhythm_conduction]")
    project.commit("small")
    output = project.repro()
    project.commit("dvc.lock")
    return project, output


@pytest.fixture(scope="session")
def reproduced(first_run) -> Project:
    """Return the project after its first run; not to be changed."""
    return first_run[0]


@pytest.fixture(scope="session")
def remote(reproduced, tmp_path_factory) -> Path:
    """Return a DVC remote to which the project has pushed its data."""
    folder = tmp_path_factory.mktemp("remote")
    reproduced.run("dvc", "remote", "add", "--local", "--default", "store", folder)
    reproduced.run("dvc", "push")
    return folder


@pytest.fixture(scope="module")
def clone(reproduced, remote, tmp_path_factory) -> Project:
    """Return a fresh clone of the project that has pulled its data, and has no MLflow database."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    reproduced.run("git", "clone", "--quiet", reproduced.folder, folder)
    project = Project(folder)
    for key, value in IDENTITY.items():
        project.run("git", "config", key, value)
    project.run("dvc", "remote", "add", "--local", "--default", "store", remote)
    project.run("dvc", "pull")
    return project


@pytest.fixture
def project(clone) -> Iterator[Project]:
    """Return the clone, which is brought back after the test."""
    yield clone
    clone.run("git", "checkout", "--quiet", ".")
    clone.run("dvc", "checkout", "--quiet", "--force")
