"""Stage prepare: the manifest's records as one array of int16 microvolts."""

import pandas as pd

from ecglens.cluster import Workers
from ecglens.datasets import record_files
from ecglens.errors import run_stage
from ecglens.params import load_params
from ecglens.preparation import prepare
from ecglens.quality import known_rules
from ecglens.store import RECORDS


def main() -> None:
    params = load_params()
    options = params.prepare
    manifest = pd.read_parquet(params.manifest).query("needed")
    rejected = prepare(
        params.raw_folder,
        zip(manifest.record_id, record_files(manifest, options.sampling_frequency), strict=True),
        params.signals,
        sampling_frequency=options.sampling_frequency,
        seconds=options.seconds,
        unreadable=options.unreadable,
        other_rates=options.other_rates,
        other_lengths=options.other_lengths,
        quality=known_rules(options.quality),
        workers=Workers(options.workers, options.workers_are, options.scheduler),
    )
    print(f"{len(manifest) - len(rejected)} records prepared, {len(rejected)} rejected")
    quality = pd.read_csv(params.signals / RECORDS, keep_default_na=False)[["severity", "policy"]]
    print(quality.value_counts().rename("records").reset_index().to_string(index=False))


if __name__ == "__main__":  # not in its worker processes, which import this file again
    run_stage(main)
