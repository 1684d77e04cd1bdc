"""Published checksums: the list of a data set's files, and what each must hold."""

import hashlib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ecglens.errors import DatasetError, ParameterError, did_you_mean

SUMS = "SHA256SUMS.txt"
SCRATCH = ".fetch"  # in the data set's folder: what is not proven right yet
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *]?(\S.*)")


def sha256(path: Path) -> bytes:
    """Return the digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def is_inside(path: str) -> bool:
    """Return whether a path that someone else wrote stays in the folder that it is joined to.

    Examples
    --------
    >>> [is_inside(path) for path in ("data/1.dat", "../1.dat", "/1.dat", "C:/1.dat")]
    [True, False, False, False]
    """
    foreign = re.match(r"[A-Za-z]:", path) or re.search(r"[\\\x00-\x1f\x7f]", path)
    return not foreign and not {"", ".", ".."} & set(path.split("/"))


def read_sums(path: Path, source: object = None) -> dict[str, bytes]:
    """Read a list of checksums as PhysioNet and ``sha256sum`` write it.

    Parameters
    ----------
    path : Path
        The list: a line a file, of 64 hexadecimal digits, a space and the file's path.
    source : object, optional
        What an error names instead of ``path``.

    Returns
    -------
    dict
        Path in the set to SHA-256 (32 bytes).

    Raises
    ------
    DatasetError
        If it holds no line or another kind of line, a path that leaves the folder, or a path with
        two checksums.
    """
    source, sums = source or path, {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            match = _LINE.fullmatch(line.rstrip("\n"))
            if not match:
                found = f"{line[:80]!r} in line {number}"
                raise DatasetError(source, found, "64 hexadecimal digits, a space and a path")
            digest, file = bytes.fromhex(match[1]), match[2]
            if not is_inside(file) or file.split("/")[0] == SCRATCH:
                raise DatasetError(source, f"the path {file!r}", "a path inside the data set")
            if sums.setdefault(file, digest) != digest:
                raise DatasetError(source, f"two checksums of {file}", "one")
    sums.pop(SUMS, None)  # a list cannot hold its own checksum
    if not sums:
        raise DatasetError(source, "an empty list", "a line a file")
    return sums


def select(sums: dict[str, bytes], only: Sequence[str]) -> dict[str, bytes]:
    """Return what patterns choose, and the tables at the top: records without them say nothing."""
    if not only:
        return sums
    chosen: dict[str, bytes] = {}
    for pattern in only:
        under = pattern.rstrip("/") + "/"
        found = {p: d for p, d in sums.items() if p.startswith(under) or fnmatchcase(p, pattern)}
        if not found:
            folders = {"/".join(path.split("/")[:-1][:2]) for path in sums} - {""}
            mend = did_you_mean(pattern, sorted(folders)[:50])
            raise ParameterError(f"only {pattern!r}", "no such file in the set", "one of it", mend)
        chosen |= found
    return chosen | {path: digest for path, digest in sums.items() if "/" not in path}
