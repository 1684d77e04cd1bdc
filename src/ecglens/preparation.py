"""Records to prepared arrays: read, checked, brought to one rate and length, in shards.

Which record becomes what is :mod:`ecglens.reading`; how a shard is judged and kept, and the arrays
put together from shards, stands here.
"""

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from ecglens.cluster import Workers
from ecglens.errors import DatasetError, RecordError
from ecglens.files import whole_folder
from ecglens.formats.contents import content
from ecglens.quality import known_rules
from ecglens.quality.policy import Rules
from ecglens.quality.preparation import judge
from ecglens.reading import read_batch
from ecglens.record import LEADS
from ecglens.shards import Work, finished_shards
from ecglens.store import INDEX, RECORDS, REJECTED, SIGNALS

_READING = ("sampling_frequency", "seconds", "unreadable", "other_rates", "other_lengths")
SHARD = 256  # records, which are 6 MB at 100 Hz and 31 MB at 500 Hz


def prepare(
    source: Path,
    files: Iterable[tuple[int | str, str]],
    folder: Path,
    *,
    sampling_frequency: int,
    seconds: float,
    unreadable: str = "stop",
    other_rates: str = "refuse",
    other_lengths: str = "refuse",
    quality: Rules = MappingProxyType({}),
    workers: Workers = Workers(),  # noqa: B008, which is frozen
) -> pd.DataFrame:
    """Read records and write the prepared arrays, whole or not at all.

    The records are worked in shards, which are kept in a folder beside, ``folder`` with ".work"
    behind its name, until all are there: what is killed goes on where it stopped, when it is
    started again. The arrays are the same, to the byte, whoever made which shard, and when.

    Parameters
    ----------
    source : Path
        The data set's folder.
    files : iterable of (record id, path in ``source``, of a WFDB record without extension)
    folder : Path
        Receives the arrays; replaced if it exists.
    sampling_frequency : int
        Hz.
    seconds : float
        Length of every record.
    unreadable : {"stop", "skip"}
        Whether a record that cannot be used ends the work, or is listed in ``rejected.csv``.
    other_rates : {"refuse", "resample"}
        What becomes of a record at another rate; the rate could give a class away.
    other_lengths : {"refuse", "cut"}
        What becomes of a longer record; cut, its first ``seconds`` are kept. A shorter one is
        refused.
    quality : mapping of str to Policy
        What becomes of a record that has flags; see :mod:`ecglens.quality.policy`. Its flags, their
        highest severity and the policy stand in ``records.csv`` in any case.
    workers : Workers
        Processes of this machine, one for each core, unless it says otherwise. A script that calls
        this with processes must guard its own start with ``if __name__ == "__main__"``.

    Returns
    -------
    DataFrame
        The rejected records, and those dropped for their quality: ``record_id``, ``error``.

    Raises
    ------
    RecordError
        If ``unreadable`` is "stop" and a record cannot be used.
    DatasetError
        If no record can be used.
    ClusterError
        If the workers cannot do their work.
    """
    options = {
        "sampling_frequency": sampling_frequency,
        "seconds": seconds,
        "unreadable": unreadable,
        "other_rates": other_rates,
        "other_lengths": other_lengths,
        "quality": {name: str(policy) for name, policy in quality.items()},
        "given": str(source),
        "source": str(Path(source).absolute()),
    }
    work = Work(_prepare_shard, _content_of_shard, options, "prepare")
    kept = folder.with_name(folder.name + ".work")
    with (
        finished_shards(work, _plain(files), SHARD, kept, workers) as shards,
        whole_folder(folder) as part,
    ):
        return _assemble(shards, part, source, options)


def _plain(files: Iterable[tuple[int | str, object]]) -> list[tuple[int | str, str | None]]:
    """Return ids and paths as plain values; a manifest has no path where a record lacks a rate."""
    return [
        (record_id if isinstance(record_id, str) else int(record_id),
         name if isinstance(name, str) else None)
        for record_id, name in files
    ]  # fmt: skip


def _content_of_shard(items: list, options: dict) -> str:
    return content(Path(options["source"], name) for _, name in items if name is not None)


def _prepare_shard(items: list, options: dict) -> bytes:
    """Return the usable records of a shard with what is known of them, and who was rejected why."""
    reading = {name: options[name] for name in _READING}
    try:
        batch = read_batch(Path(options["source"]), items, **reading)
    except RecordError as error:
        error.rename(options["given"], options["source"])
        raise
    rejected = []
    for record_id, error in batch.rejected:
        error.rename(options["given"], options["source"])
        rejected.append((record_id, str(error)))
    kept, rows = np.empty((0, 0, len(LEADS)), "<i2"), []
    if batch.record_ids:
        rules = known_rules(options["quality"])
        judged = judge(batch.counts, options["sampling_frequency"], rules)
        kept = judged.counts[~judged.dropped]
        for number, record_id in enumerate(batch.record_ids):
            if judged.dropped[number]:
                rejected.append((record_id, judged.why_dropped(number)))
            else:
                rows.append({"record_id": record_id, **judged.row(number)})
    table = json.dumps({"rows": rows, "rejected": rejected})
    out = io.BytesIO()
    np.savez(out, counts=kept.astype("<i2"), table=np.frombuffer(table.encode(), np.uint8))
    return out.getvalue()


def _assemble(shards: list[Path], folder: Path, source: Path, options: dict) -> pd.DataFrame:
    """Write the arrays and tables from the shards' results; return the rejected records."""
    rows, rejected = [], []
    with open(folder / SIGNALS, "wb") as out:
        writer = None
        for shard in shards:
            with np.load(shard, allow_pickle=False) as result:
                table, counts = json.loads(result["table"].tobytes()), result["counts"]
            rows += table["rows"]
            rejected += table["rejected"]
            if len(counts):
                writer = writer or _SignalWriter(out, (len(shards) * SHARD, *counts.shape[1:]))
                writer.add(counts)
        if not rows:
            raise DatasetError(source, "no usable record", "at least one", _first(rejected))
        writer.finish()
    pd.DataFrame(rows).to_csv(folder / RECORDS, index=False)
    refused = pd.DataFrame(rejected, columns=["record_id", "error"])
    refused.to_csv(folder / REJECTED, index=False)
    index = {
        "sampling_frequency": options["sampling_frequency"],
        "units": "uV",
        "leads": LEADS,
        "sha256": writer.sha256.hexdigest(),
        "record_ids": "str" if isinstance(rows[0]["record_id"], str) else "int64",
        "quality": options["quality"],
    }
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n")
    return refused


def _first(rejected: list[tuple[int, str]]) -> str:
    return f"The first was refused so: {rejected[0][1]}" if rejected else "The manifest is empty."


class _SignalWriter:
    """Appends records to an .npy file whose header is written last, when their number is known."""

    def __init__(self, out, shape: tuple[int, int, int]) -> None:
        self.out, self.shape, self.records = out, shape, 0
        self.sha256 = hashlib.sha256()
        self._header(shape)

    def _header(self, shape) -> None:
        # numpy pads the header's shape with room to grow, so a smaller count fits in its place.
        description = {"descr": "<i2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.out, description)
        self.start = self.out.tell()

    def add(self, counts: np.ndarray) -> None:
        data = np.ascontiguousarray(counts, "<i2").data
        self.out.write(data)
        self.sha256.update(data)
        self.records += len(counts)

    def finish(self) -> None:
        start = self.start
        self.out.seek(0)
        self._header((self.records, *self.shape[1:]))
        assert self.start == start, "the .npy header changed its length"
