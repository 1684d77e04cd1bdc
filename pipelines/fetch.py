"""Stage fetch: the data set that params.yaml names, in PTB-XL's published layout."""

from pathlib import Path

from ecglens.datasets import ptb_xl, simulated
from ecglens.errors import run_stage
from ecglens.params import load_params


def main() -> None:
    params = load_params()
    if params.dataset == "simulated":
        options = params.simulated
        simulated.fetch(params.raw_folder, records=options.records, seed=options.seed)
    else:
        ptb_xl.fetch(Path(params.ptb_xl.folder), params.raw_folder)


run_stage(main)
