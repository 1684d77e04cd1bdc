"""Arrays on object storage, read by ranges of bytes through fsspec.

An address is whatever fsspec takes: "s3://bucket/folder", "webdav://folder", "memory://folder".
Where a storage needs more than its address (a server, an account), fsspec's own configuration says
it, such as ``FSSPEC_WEBDAV_BASE_URL=https://host/dav``: https://filesystem-spec.readthedocs.io
"""

import io
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecglens.errors import DatasetError

_RANGE = 8 << 20  # bytes asked for at a time
_HEADER = 4096  # bytes; numpy's own header of a plain array is 128


def is_address(name: object) -> bool:
    """Return whether this names a place on object storage, rather than a path."""
    return isinstance(name, str) and "://" in name


@dataclass(frozen=True)
class Place:
    """A folder on object storage.

    Parameters
    ----------
    address : str
    files : fsspec.AbstractFileSystem
    root : str
        The folder's path there.
    """

    address: str
    files: Any
    root: str

    @classmethod
    def at(cls, address: str) -> "Place":
        """Open an address.

        Raises
        ------
        DatasetError
            If its protocol is not known, or its package or configuration is missing.
        """
        try:
            import fsspec

            files, root = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError, TypeError, OSError) as error:
            raise DatasetError(
                address,
                f"a storage that cannot be opened ({error})",
                "an address that fsspec knows, such as s3://bucket/folder",
                "Install the protocol's package, and set its FSSPEC_... variables.",
            ) from None
        return cls(address, files, root.rstrip("/"))

    def path(self, name: str) -> str:
        """Return a file's path in the storage."""
        return f"{self.root}/{name}"

    def has(self, name: str) -> bool:
        """Return whether there is a file."""
        with self._told():
            try:  # fsspec's own isfile says no where the server does not answer
                return self.files.info(self.path(name))["type"] == "file"
            except FileNotFoundError:
                return False

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        with self._told():
            return self.files.cat_file(self.path(name))

    def ranges(self, name: str, starts: list[int], ends: list[int]) -> list[bytes]:
        """Return parts of a file, fetched at the same time where the storage can."""
        with self._told():
            paths = [self.path(name)] * len(starts)
            return self.files.cat_ranges(paths, starts, ends, on_error="raise")

    def array(self, name: str) -> "RemoteArray":
        """Return an .npy file's array, unread."""
        return RemoteArray(self, name)

    def put(self, path: Path, name: str) -> None:
        """Copy a file there."""
        with self._told():
            self.files.makedirs(self.root, exist_ok=True)
            self.files.put_file(str(path), self.path(name))

    def get(self, name: str, path: Path) -> None:
        """Copy a file from there."""
        with self._told():
            self.files.get_file(self.path(name), str(path))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.has(name):
            with self._told():
                self.files.rm_file(self.path(name))

    @contextmanager
    def _told(self):
        """Turn a failure of the storage, whose packages share no base of errors, into ours."""
        try:
            yield
        except Exception as error:
            raise DatasetError(
                self.address,
                f"a storage that answers {type(error).__name__}: {error}",
                "one that can be read, or written to",
                "Check the address, the account and the network.",
            ) from error


class RemoteArray:
    """An .npy file on object storage of which rows are read as they are asked for.

    Parameters
    ----------
    place : Place
    name : str

    Raises
    ------
    ValueError
        If it is no .npy file of plain rows.
    """

    def __init__(self, place: Place, name: str) -> None:
        head = io.BytesIO(place.ranges(name, [0], [_HEADER])[0])
        version = np.lib.format.read_magic(head)
        if version != (1, 0):
            raise ValueError(f"an .npy header of version {version}")
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(head)
        if by_column or dtype.hasobject or not shape:
            raise ValueError(f"an array of {dtype}, shape {shape}, that has no plain rows")
        self.shape, self.dtype = shape, dtype
        self._place, self._name, self._start = place, name, head.tell()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows) -> np.ndarray:
        """Return rows as numpy does, for a number, a slice, or an array of numbers or of truth."""
        places = np.arange(len(self))[rows]
        wanted, back = np.unique(places, return_inverse=True)
        size = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        runs: list[list[int]] = []  # first row and rows, of neighbours that come in one range
        for row in wanted.tolist():
            if runs and row == sum(runs[-1]) and runs[-1][1] * size < _RANGE:
                runs[-1][1] += 1
            else:
                runs.append([row, 1])
        starts = [self._start + first * size for first, _ in runs]
        ends = [start + count * size for start, (_, count) in zip(starts, runs, strict=True)]
        data = self._place.ranges(self._name, starts, ends)
        if [len(part) for part in data] != [count * size for _, count in runs]:
            raise DatasetError(
                self._place.path(self._name),
                f"{sum(map(len, data))} bytes of rows {wanted[0]} to {wanted[-1]}",
                f"{len(wanted) * size}",
                "The storage's copy is not whole: copy it there again.",
            )
        found = np.frombuffer(b"".join(data), self.dtype)
        return found.reshape(len(wanted), *self.shape[1:])[back.reshape(places.shape)]
