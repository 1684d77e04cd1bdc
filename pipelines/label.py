"""Stage label: the manifest, one row a record, split by patient, with labels; and their counts."""

from ecglens.datasets import get_dataset
from ecglens.errors import run_stage
from ecglens.files import whole_file, whole_folder
from ecglens.manifests import (
    count_labels,
    count_pairs,
    count_unlabelled,
    with_draws,
    with_evidence,
    with_labels,
)
from ecglens.params import load_params

PRINTED = 20  # rows of the longer tables


def main() -> None:
    params = load_params()
    dataset, name = get_dataset(params.dataset), params.dataset
    manifest = dataset.manifest(params.raw_folder)
    manifest = with_labels(manifest, dataset.vocabulary, params.labels.policy)
    manifest = with_draws(manifest, params.labels.draws, params.labels.seed, params.tasks)
    if "read_evidence" in dataset.offers:
        manifest = with_evidence(manifest, dataset.module.read_evidence(params.raw_folder))
    report = {
        "labels": count_labels(manifest, name),
        "pairs": count_pairs(manifest, name),
        "unlabelled": count_unlabelled(manifest, name, dataset.vocabulary),
    }
    with whole_file(params.manifest) as part, whole_folder(params.label_report) as folder:
        manifest.to_parquet(part, index=False)
        for table, content in report.items():
            content.to_csv(folder / f"{table}.csv", index=False)
    occurring = report["labels"].query("records > 0").drop(columns=["set", "name"])
    print(f"{name}: {len(manifest)} records of {manifest.patient_id.nunique()} patients")
    print(manifest.split.value_counts().to_string(), end="\n\n")
    print(occurring.to_string(index=False), end="\n\n")
    for table in ("pairs", "unlabelled"):
        print(f"{table}: {len(report[table])}, in {params.label_report}; the commonest:")
        print(report[table].drop(columns="set").head(PRINTED).to_csv(index=False))


run_stage(main)
