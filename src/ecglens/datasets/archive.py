"""A data set's single zip: only what the publisher's checksums list comes out of it.

The zip itself has no published checksum, so nothing in it is trusted: not its names, not the sizes
that it declares. A member gets its name only when its SHA-256 is the published one.
"""

import errno
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from ecglens.datasets.checksums import is_inside, sha256
from ecglens.datasets.download import CHUNK, WrongFileError, require_space

# Zips of ECG records are 2 to 3 times smaller than what is in them; a bomb is a thousand times.
LARGEST_RATIO = 100
_MEND = "Run the command again to download it anew, or without --zip to fetch file by file."
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def unpack(
    archive: Path,
    folder: Path,
    scratch: Path,
    wanted: Mapping[str, bytes],
    advance: Callable[[int], object] = lambda count: None,
) -> list[str]:
    """Unpack the wanted members that are as published; the others are left in the zip.

    Parameters
    ----------
    archive : Path
        A zip, as a rule with all of its members in one folder.
    folder : Path
        Where to.
    scratch : Path
        A folder on the same disk, for members that are not proven right yet.
    wanted : mapping
        Path in the set to SHA-256.
    advance : callable
        Told of bytes unpacked.

    Returns
    -------
    list of str
        The paths that now stand in ``folder``.

    Raises
    ------
    WrongFileError
        If it is no zip, is damaged, names a file outside the folder, or would unpack to more than
        100 times its size.
    DatasetError
        If there is no room for what it unpacks to.
    """
    done = []
    try:
        with zipfile.ZipFile(archive) as source:
            for path, member in _members(source, archive, folder, wanted).items():
                part = scratch / f"{path}.part"
                part.parent.mkdir(parents=True, exist_ok=True)
                _write(source, member, part)
                advance(member.file_size)
                if sha256(part) == wanted[path]:
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(part, folder / path)
                    done.append(path)
                else:
                    part.unlink()
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # the disk's; a seek to nowhere is the zip's
        raise WrongFileError(archive, f"a damaged zip ({error})", "a whole one", _MEND) from None
    return done


def _members(
    source: zipfile.ZipFile, archive: Path, folder: Path, wanted: Mapping[str, bytes]
) -> dict[str, zipfile.ZipInfo]:
    """Return the wanted members by their path in the set, after a look at all of them."""
    members = [member for member in source.infolist() if not member.filename.endswith("/")]
    names = [member.filename for member in members]
    outside = [name for name in names if not is_inside(name)]
    if outside:
        listed = ", ".join(map(repr, outside[:5]))
        raise WrongFileError(archive, f"members {listed}", "paths inside the data set", _MEND)
    size, total = archive.stat().st_size, sum(member.file_size for member in members)
    if total > LARGEST_RATIO * size:
        found = f"{total} bytes packed in {size}"
        raise WrongFileError(archive, found, f"at most {LARGEST_RATIO} times as many", _MEND)
    top = ""
    if names and not any(name in wanted for name in names):
        top = names[0].split("/")[0] + "/"  # PhysioNet packs a set into one folder
    by_path = {member.filename.removeprefix(top): member for member in members}
    chosen = {path: member for path, member in by_path.items() if path in wanted}
    needed = sum(member.file_size for member in chosen.values())
    require_space(folder, needed, f"what {archive.name} unpacks to")
    return chosen


def _write(source: zipfile.ZipFile, member: zipfile.ZipInfo, part: Path) -> None:
    """Unpack a member; zipfile gives no byte more than it declares, and checks its CRC-32."""
    with source.open(member) as packed, open(part, "wb") as file:
        while chunk := packed.read(CHUNK):
            file.write(chunk)
