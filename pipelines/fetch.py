"""Stage fetch: the data set that params.yaml names, in its publisher's layout."""

from ecglens.datasets import get_dataset
from ecglens.errors import run_stage
from ecglens.params import load_params


def main() -> None:
    params = load_params()
    get_dataset(params.dataset).fetch(params.raw_folder, params.dataset_options)


run_stage(main)
