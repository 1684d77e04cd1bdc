"""Brings a publisher's folder into the house without second copies on disk."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from ecglens.errors import DatasetError
from ecglens.files import whole_folder


def require_layout(source: Path, needed: Sequence[str], layout: str, mend: str) -> None:
    """Refuse a folder in another layout than a data set's publisher uses.

    Parameters
    ----------
    source : Path
    needed : sequence of str
        Files, and folders (these end in ``/``), that it must hold.
    layout : str
        What it should hold, for the message.
    mend : str
        What to do otherwise.

    Raises
    ------
    DatasetError
        If there is no such folder, or one of ``needed`` is not in it.
    """
    if not source.is_dir():
        raise DatasetError(source, "no such folder", f"a folder with {layout}", mend)
    missing = [
        name
        for name in needed
        if not ((source / name).is_dir() if name.endswith("/") else (source / name).is_file())
    ]
    if missing:
        raise DatasetError(source, f"no {', '.join(missing)}", layout, mend)


def link_folder(source: Path, folder: Path, belongs: Callable[[Path], bool], mend: str) -> int:
    """Hard-link the files of a data set into a folder, or copy them to another disk.

    Parameters
    ----------
    source : Path
        The data set as its publisher lays it out. Symbolic links in it are followed.
    folder : Path
        Where the same layout is to stand; whole or not at all.
    belongs : callable
        Says of a path relative to ``source`` whether it is the data set's.
    mend : str
        What to do where there is no such folder or it holds nothing.

    Returns
    -------
    int
        Files brought.

    Raises
    ------
    DatasetError
        If ``source`` is no folder, holds no file of the data set, or one of the two folders lies in
        the other.
    """
    require_layout(source, (), "the data set as published", mend)
    refuse_overlap(source, folder)
    files = 0
    with whole_folder(folder) as part:
        for path in tqdm(_files_under(source), f"fetch {folder.name}", unit="file"):
            if belongs(path):
                (part / path).parent.mkdir(parents=True, exist_ok=True)
                link(source / path, part / path)
                files += 1
        if not files:
            raise DatasetError(source, "none of the data set's files", "its published layout", mend)
    return files


def refuse_overlap(source: Path, folder: Path) -> None:
    """Refuse to bring a folder into itself: what stands under the name is removed in the end.

    Raises
    ------
    DatasetError
    """
    here, there = source.resolve(), folder.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise DatasetError(source, f"a folder that holds {folder} or lies in it", "one elsewhere")


def _files_under(source: Path) -> Iterator[Path]:
    """Give the path of every file, relative to ``source``, in one order on every machine."""
    seen = set()
    for folder, inner, names in os.walk(source, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a symbolic link that leads back would never end
            inner.clear()
            continue
        seen.add(real)
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        here = Path(folder).relative_to(source)
        yield from (here / name for name in sorted(names) if not name.startswith("."))


def link(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it where the two folders are on different disks."""
    try:
        os.link(source.resolve(), target)
    except FileNotFoundError:
        raise DatasetError(source, "a link to nothing", "a file") from None
    except OSError:
        shutil.copyfile(source, target)
