"""What the files of a record hold, as one digest: whether a result of them is still true."""

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

_BLOCK = 1 << 20  # bytes


def content(paths: Iterable[str | Path]) -> str:
    """Return a digest of records' files: their names, and every byte.

    Parameters
    ----------
    paths : iterable of str or Path
        As :func:`ecglens.formats.read` takes them. Of a WFDB record that is the header and every
        file beside it that it names. What is not there is told from what is.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in map(str, paths):
        start = _add(digest, path)
        header = (path[:-4] if path.endswith((".hea", ".dat", ".mat")) else path) + ".hea"
        if header != path:
            start = _add(digest, header)
        folder = header[: header.rfind("/") + 1]
        for name in _signal_files(start):
            _add(digest, folder + name)
    return digest.hexdigest()


def _add(digest, path: str) -> bytes:
    """Add a file, or what keeps it from being one; return its first bytes."""
    name = path[path.rfind("/") + 1 :]  # not by pathlib, whose paths would take longest here
    digest.update(name.encode(errors="surrogateescape") + b"\0")
    try:
        opened = open(path, "rb", buffering=0, opener=_open_without_waiting)  # noqa: SIM115
    except (OSError, ValueError) as error:  # not there, a folder; no name of a file
        digest.update(f"{type(error).__name__}\0".encode())
        return b""
    with opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            digest.update(b"no file\0")
            return b""
        start, size = b"", 0
        try:
            while block := opened.read(_BLOCK):
                digest.update(block)
                start, size = start or block, size + len(block)
        except OSError as error:  # a damaged disk
            digest.update(f"{type(error).__name__}\0".encode())
    digest.update(f"{size}\0".encode())
    return start


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; and a pipe, which is no record, without waiting for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _signal_files(header: bytes) -> list[str]:
    """Return the files in its own folder that a WFDB header names, each once."""
    lines = header.decode("utf-8", "replace").splitlines()
    fields = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return sorted({f[0] for f in fields[1:] if "/" not in f[0] and f[0] not in (".", "..")})
