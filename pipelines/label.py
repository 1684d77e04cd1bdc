"""Stage label: the manifest, one row a record, split by patient."""

from ecglens.datasets import ptb_xl
from ecglens.errors import run_stage
from ecglens.files import whole_file
from ecglens.params import load_params


def main() -> None:
    params = load_params()
    manifest = ptb_xl.manifest(params.raw_folder)
    with whole_file(params.manifest) as part:
        manifest.to_parquet(part, index=False)
    print(
        manifest.groupby("split").agg(
            records=("record_id", "size"), patients=("patient_id", "nunique")
        )
    )


run_stage(main)
