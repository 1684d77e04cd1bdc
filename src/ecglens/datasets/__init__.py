"""The data sets: one module a publisher's layout, from a folder to a manifest of one row a record.

A layout's module has ``VOCABULARY``, what its codes are; ``manifest(folder)``, the table that
:func:`ecglens.datasets.tables.finish` describes; and ``fetch(source, folder, ...)``, which brings
its files into the house. ``docs/add_a_dataset.md`` shows how to add one.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ecglens.errors import DatasetError, ParameterError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Dataset:
    """A data set that params.yaml can name.

    Parameters
    ----------
    name : str
        In params.yaml, where its section has the same; with ``_`` for ``-``, also its module.
    about : str
        What it is, in a line.
    layout : str
        The module that reads it; the data set's own where left out.
    offers : tuple of str
        Functions of the module beyond these three, such as "delineation".
    project : str
        Under which PhysioNet has it; none where left out.
    """

    name: str
    about: str
    layout: str = ""
    offers: tuple[str, ...] = ()
    project: str = ""

    @property
    def module(self) -> ModuleType:
        """The module that fetches or makes it."""
        return import_module(f"ecglens.datasets.{self.name.replace('-', '_')}")

    @property
    def reader(self) -> ModuleType:
        """The module of its layout."""
        return import_module(f"ecglens.datasets.{self.layout}") if self.layout else self.module

    @property
    def vocabulary(self) -> str:
        """What its codes are: "scp", "mimic" or "snomed"; see :mod:`ecglens.labels`."""
        return self.reader.VOCABULARY

    def manifest(self, folder: Path) -> "pd.DataFrame":
        """Return one row a record of the data set in ``folder``."""
        return self.reader.manifest(folder)

    def fetch(self, folder: Path, options: dict) -> int:
        """Bring the data set into ``folder``, as its section of params.yaml says.

        Where that has an address under ``download``, what lacks of the set is fetched from there
        first, into the folder that the section names, and stays there.

        Raises
        ------
        DatasetError
            If the source is missing or in another layout, or cannot be downloaded.
        """
        options = dict(options)
        address = options.pop("download", "")
        if "folder" not in options:
            return self.module.fetch(folder, **options)
        source = Path(options.pop("folder"))
        if address:
            from ecglens.datasets import physionet  # here, for it needs packages that others do not

            only = [f"training/{name}" for name in options.get("sets", ())]
            physionet.fetch(self.project, source, address=address, only=only)
        return self.module.fetch(source, folder, **options)


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "simulated",
            "drawn from a heart-vector model, in PTB-XL's layout",
            layout="ptb_xl",
            offers=("read_evidence", "evidence_mask"),
        ),
        Dataset(
            "ptb-xl",
            "21,799 records of 10 s, 100 and 500 Hz, cardiologists' SCP codes",
            project="ptb-xl",
        ),
        Dataset(
            "mimic-iv-ecg",
            "800,035 records of 10 s, 500 Hz, the machine's statements",
            project="mimic-iv-ecg",
        ),
        Dataset(
            "cinc",
            "the sets of the PhysioNet/CinC challenges 2020 and 2021, SNOMED codes",
            project="challenge-2021",
        ),
        Dataset(
            "ludb",
            "200 records of 10 s, 500 Hz, every wave delineated",
            offers=("delineation",),
            project="ludb",
        ),
        Dataset("plain-folder", "your own records, and a CSV of their codes"),
    )
}


def get_dataset(name: str) -> Dataset:
    """Return a data set of the table.

    Raises
    ------
    ParameterError
        If there is none of this name.
    """
    if name not in DATASETS:
        raise ParameterError(
            "dataset", repr(name), "a data set of the table", did_you_mean(name, DATASETS)
        )
    return DATASETS[name]


def record_files(manifest: "pd.DataFrame", sampling_frequency: int) -> "pd.Series":
    """Return each record's path: at a rate (Hz) where the publisher has several, else the one.

    Raises
    ------
    DatasetError
        If the manifest names no files.
    """
    for column in (f"file_{sampling_frequency}", "file"):
        if column in manifest:
            return manifest[column]
    raise DatasetError(
        "manifest",
        f"the columns {', '.join(manifest)}",
        f"file_{sampling_frequency} or file",
        "Run 'dvc repro label', or choose another prepare.sampling_frequency.",
    )
