"""Outputs that are written whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecglens.errors import ECGLensError


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes its place under its name only when all went well.

    Parameters
    ----------
    folder : Path
        Replaced if it exists.

    Yields
    ------
    Path
        An empty folder beside it.
    """
    part = folder.with_name(folder.name + ".part")
    old = folder.with_name(folder.name + ".old")
    for left in (part, old):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    except BaseException:
        shutil.rmtree(part)
        raise
    # Renamed before it is removed, so that half of it never stands under the name.
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a path to write to, which becomes ``path`` only when all went well.

    Parameters
    ----------
    path : Path
    durable : bool
        Whether the bytes are on the disk before the name is, so that it is whole even where the
        machine itself goes down.

    Yields
    ------
    Path
        Beside ``path``, with the same ending.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        if durable:
            with open(part, "rb") as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def only_user(folder: Path) -> Iterator[None]:
    """Make a folder and keep it from other processes, until the end of this one at the latest.

    Raises
    ------
    ECGLensError
        If another process has it.
    """
    import fcntl  # here, because only Unix has it, and reading records does without

    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ECGLensError(
                folder,
                "another process that works there",
                "one at a time",
                "Wait for it, or end it: what it has finished is kept.",
            ) from None
        yield
