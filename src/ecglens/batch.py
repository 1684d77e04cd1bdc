"""Many records: what a folder, a manifest or a store holds, each predicted, in one table.

One record after another goes through :meth:`ecglens.inference.Predictor.predict`, so that each
number is the one that it gets alone. Dask, the progress bar and Parquet need the extra
``pipeline``; nothing else here does.
"""

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ecglens import formats
from ecglens.cluster import Workers
from ecglens.datasets import record_files
from ecglens.errors import DatasetError, ECGLensError, ModelError, ParameterError, RecordError
from ecglens.files import whole_file
from ecglens.formats.contents import content
from ecglens.inference import Prediction, Predictor
from ecglens.quality import AbstainedError
from ecglens.record import Record
from ecglens.remote import is_address
from ecglens.shards import Work, finished_shards

SHARD = 64  # records
ENDINGS = {ending for kind in formats.FORMATS for ending in kind.endings}
OF_LABEL = ("probability", "positive", "logit", "bias", "attribution_sum")
OF_RECORD = ("record_id", "file", "abstained", "error", "warnings", "flags")
OF_MODEL = ("task", "model", "run_id", "data_version")


class Item(NamedTuple):
    """One record to predict.

    Parameters
    ----------
    record_id : str
    file : str
        Its file, or the store that it is in; empty where a manifest has no path.
    row : int, optional
        Its place in the store.
    version : str
        SHA-256 of the store's signals.
    """

    record_id: str
    file: str
    row: int | None = None
    version: str = ""


def find_records(names: Iterable[str]) -> list[Item]:
    """Return the records that files, folders and stores hold, in order.

    Parameters
    ----------
    names : iterable of str
        A file, a WFDB record without its ending, a folder of prepared arrays or its address on
        object storage, or any other folder: then every file in it and below with the ending of a
        known format, by name.

    Raises
    ------
    DatasetError
        If a folder holds none.
    """
    found = []
    for name in map(str, names):
        store = Path(name, "signals.npy").is_file() and Path(name, "index.json").is_file()
        if is_address(name) or store:
            opened = _open_store(name)
            ids = map(str, opened.record_ids)
            found += [Item(one, name, row, opened.sha256) for row, one in enumerate(ids)]
        elif Path(name).is_dir() and not Path(f"{name}.hea").is_file():
            found += _in_folder(name)
        else:
            found.append(Item(_name_of(name), name))
    return found


def _in_folder(folder: str) -> list[Item]:
    files = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            stem, ending = name[: -len(Path(name).suffix) or None], Path(name).suffix.lower()
            signals_of_wfdb = ending in (".dat", ".mat") and f"{stem}.hea" in names
            if ending in ENDINGS and not name.startswith(".") and not signals_of_wfdb:
                files.append(str(Path(parent, name)))
    if not files:
        expected = f"files that end in {' '.join(sorted(ENDINGS))}"
        raise DatasetError(folder, "no record", expected, "Prepared arrays are named by theirs.")
    return [Item(_name_of(file), file) for file in files]


def _name_of(file: str) -> str:
    path = Path(file)
    return path.stem if path.suffix.lower() in ENDINGS else path.name


def read_manifest(path: Path, folder: Path | None, sampling_frequency: int) -> list[Item]:
    """Return the records of a manifest.

    Parameters
    ----------
    path : Path
        CSV or Parquet, with the columns ``record_id`` and ``file``, or ``file_100`` and so on.
    folder : Path, optional
        That the files are named from; the manifest's own where left out.
    sampling_frequency : int
        Hz; which file is meant where there are several.

    Raises
    ------
    DatasetError
        If it cannot be read, or has not these columns.
    """
    expected = "a CSV or Parquet file with the columns record_id and file"
    try:
        table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(path, f"what cannot be read ({error})", expected) from None
    if "record_id" not in table:
        raise DatasetError(path, f"the columns {', '.join(table)}", expected)
    folder = path.parent if folder is None else folder
    files = record_files(table, sampling_frequency)
    return [
        Item(str(record_id), str(folder / file) if isinstance(file, str) and file else "")
        for record_id, file in zip(table["record_id"], files, strict=True)
    ]


def _csv(path: Path) -> dict[str, list]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        head, *rows = csv.reader(file)
    for number, row in enumerate(rows, 2):
        if len(row) != len(head):
            raise ValueError(f"line {number} has {len(row)} fields, the first {len(head)}")
    return {name: [row[k] for row in rows] for k, name in enumerate(head)}


def _parquet(path: Path) -> dict[str, list]:
    parquet = _require_parquet(path)
    wanted = [n for n in parquet.read_schema(path).names if n.startswith(("record_id", "file"))]
    return parquet.read_table(path, columns=wanted).to_pydict()


def _require_parquet(path: Path):
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ParameterError(
            path,
            f"no package {error.name}",
            "the package that reads and writes Parquet",
            "Install it: pip install 'ecglens[pipeline]'. A .csv does without.",
        ) from None
    return parquet


def _open_store(name: str):
    try:
        from ecglens.store import open_store
    except ImportError as error:
        raise DatasetError(
            name,
            f"no package {error.name}",
            "what reads prepared arrays",
            "Install it: pip install 'ecglens[pipeline]'",
        ) from None
    return open_store(name)


@lru_cache(maxsize=4)
def _store(name: str, version: str):
    """Return a store, open as long as a worker lives, if it still is the one that was meant."""
    store = _open_store(name)
    if store.sha256 != version:
        raise DatasetError(name, "other arrays than when the work was started", "the same")
    return store


@lru_cache(maxsize=2)
def _block(name: str, version: str, number: int):
    """Return millivolts of some rows of a store: object storage is asked for many at a time."""
    store = _store(name, version)
    return store.millivolts(slice(number * SHARD, (number + 1) * SHARD))


def read_record(item: Item, **reading) -> Record:
    """Read one record; ``reading`` is what :func:`ecglens.formats.read` takes beside the path."""
    if item.row is not None:
        rate = _store(item.file, item.version).sampling_frequency
        signal = _block(item.file, item.version, item.row // SHARD)[item.row % SHARD]
        return Record(signal, rate, item.record_id, f"{item.file}, record {item.record_id}")
    if not item.file:
        raise RecordError(f"record {item.record_id}", "no file at this rate", "its path")
    return formats.read(item.file, **reading)


# -- into a table


@dataclass(frozen=True)
class Count:
    """How many records were asked for, and how many have no prediction."""

    records: int
    failed: int


def predict_table(
    model: Path, items: Sequence[Item], table: Path, workers: Workers, reading: dict, asking: dict
) -> Count:
    """Predict records into a table of one row each, written whole.

    What is finished is kept beside the table, in a folder with ".work" behind its name, until all
    is: what is killed goes on where it stopped when it is asked the same again.

    Parameters
    ----------
    model : Path
    items : sequence of Item
    table : Path
        CSV or Parquet. A record that cannot be predicted, or is abstained from for its quality, has
        its error in the column ``error``, and no numbers.
    workers : Workers
    reading : dict
        Plain values for :func:`ecglens.formats.read`.
    asking : dict
        Plain values for :meth:`ecglens.inference.Predictor.predict`.

    Raises
    ------
    ParameterError
        If the table's ending is neither, or there is no record.
    ModelError
        If the model cannot be used.
    ClusterError
        If the workers cannot do their work.
    """
    if table.suffix.lower() not in _TABLES:
        raise ParameterError(table, f"the ending {table.suffix!r}", "a table in .csv or .parquet")
    if not items:
        raise ParameterError(table, "no record to predict", "at least one")
    card = Predictor(model).card
    parameters = {
        "model": str(model.absolute()),
        "sha256": _sha256(model),
        "folder": str(Path.cwd()),
        "reading": reading,
        "asking": asking,
    }
    work = Work(_predict_shard, _content_of_shard, parameters, "predict")
    kept = table.with_name(table.name + ".work")
    columns = [*OF_RECORD, *(f"{label}_{of}" for label in card.labels for of in OF_LABEL)]
    failed = 0
    with (
        finished_shards(work, [*map(tuple, items)], SHARD, kept, workers) as shards,
        whole_file(table, durable=True) as part,
        _TABLES[table.suffix.lower()](part, [*columns, *OF_MODEL]) as add,
    ):
        for shard in shards:
            rows = json.loads(shard.read_bytes())
            failed += sum(bool(row["error"]) for row in rows)
            add(rows)
    return Count(len(items), failed)


def _sha256(model: Path) -> str:
    return hashlib.sha256(model.read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _predictor(model: str, sha256: str) -> Predictor:
    """Return the model, of a worker that lives on, if it is the one that was meant."""
    predictor = Predictor(model)
    if _sha256(predictor.path) != sha256:
        raise ModelError(model, "another model than where the work was started", "the same file")
    return predictor


def _found_from(folder: str, item: Sequence) -> Item:
    """Return an item whose file a worker finds from any folder of its own."""
    given = Item(*item)
    if not given.file or is_address(given.file):
        return given
    return given._replace(file=str(Path(folder, given.file)))


def _content_of_shard(items: list, parameters: dict) -> str:
    """Return a digest of the files, or of the rows of stores, that a shard is of."""
    found = [_found_from(parameters["folder"], item) for item in items]
    digest = hashlib.blake2b(digest_size=16)
    digest.update(content(i.file for i in found if i.row is None and i.file).encode())
    for store in sorted({(i.file, i.version) for i in found if i.row is not None}):
        rows = [i.row for i in found if i.row is not None and (i.file, i.version) == store]
        digest.update(_store(*store).counts[rows].tobytes())
    return digest.hexdigest()


def _predict_shard(items: list, parameters: dict) -> bytes:
    predictor = _predictor(parameters["model"], parameters["sha256"])
    return json.dumps([_row(predictor, item, parameters) for item in items]).encode()


def _row(predictor: Predictor, item: Sequence, parameters: dict) -> dict:
    """Return a record's row, with its error and no numbers if it cannot be predicted."""
    given, found = Item(*item), _found_from(parameters["folder"], item)
    row = {"record_id": _text(given.record_id), "file": _text(given.file)}
    row |= {"abstained": False, "error": None}
    try:
        record = read_record(found, **parameters["reading"])
        prediction = predictor.predict(record, **parameters["asking"])
    except ECGLensError as error:
        if found.file != given.file:
            error.rename("", parameters["folder"] + "/")
        if isinstance(error, AbstainedError):
            row |= {"abstained": True, "flags": " ".join(map(str, error.flags))}
        return row | {"error": _text(str(error))}
    return row | _values(prediction)


def _text(name: str) -> str:
    """Return a name that any table can hold: on a disk it may be of bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _values(prediction: Prediction) -> dict:
    said = prediction.to_dict()
    row = {
        "warnings": "; ".join(said["warnings"]) or None,
        "flags": " ".join(map(str, prediction.flags)) or None,
    }
    for label, values in said["labels"].items():
        # A model that is not additive has neither a bias nor a sum of attribution.
        row |= {f"{label}_{of}": values.get(of) for of in OF_LABEL}
    return row | {name: said["model"][name] for name in OF_MODEL}


@contextmanager
def _csv_table(path: Path, columns: list[str]) -> Iterator:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        yield writer.writerows


@contextmanager
def _parquet_table(path: Path, columns: list[str]) -> Iterator:
    parquet = _require_parquet(path)
    import pyarrow

    numbers = {f"_{of}": pyarrow.float64() for of in OF_LABEL} | {"_positive": pyarrow.bool_()}
    kinds = [
        next((kind for of, kind in numbers.items() if name.endswith(of)), pyarrow.string())
        if name not in (*OF_RECORD, *OF_MODEL)
        else pyarrow.bool_()
        if name == "abstained"
        else pyarrow.string()
        for name in columns
    ]
    schema = pyarrow.schema(list(zip(columns, kinds, strict=True)))
    with parquet.ParquetWriter(path, schema) as writer:
        yield lambda rows: writer.write_table(pyarrow.Table.from_pylist(rows, schema))


_TABLES = {".csv": _csv_table, ".parquet": _parquet_table}
