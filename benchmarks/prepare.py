"""Label and prepare a whole data set with our code alone: seconds and peak memory.

    python benchmarks/prepare.py PTB-XL-FOLDER [RUNS]

The folder is PTB-XL as published. Each run is a process of its own, without workers;
benchmarks/size.py has those.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def once(source: Path) -> None:
    from ecglens.cluster import Workers
    from ecglens.datasets import ptb_xl
    from ecglens.labels import Policy
    from ecglens.manifests import count_labels, count_pairs, with_labels
    from ecglens.preparation import prepare

    start = time.perf_counter()
    manifest = with_labels(ptb_xl.manifest(source), ptb_xl.VOCABULARY, Policy())
    count_labels(manifest, "ptb-xl"), count_pairs(manifest, "ptb-xl")
    with tempfile.TemporaryDirectory() as folder:
        manifest.to_parquet(Path(folder) / "manifest.parquet")
        files = zip(manifest.record_id, manifest.file_100, strict=True)
        target = Path(folder) / "signals"
        prepare(source, files, target, sampling_frequency=100, seconds=10.0, workers=Workers(1))
        seconds, own = time.perf_counter() - start, time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    spent = f"{seconds:.1f} s ({own:.1f} s of processor time, with the start)"
    print(f"{len(manifest)} records: {spent}, peak memory {memory:.2f} GB", flush=True)


def main() -> None:
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    for _ in range(runs):
        subprocess.run([sys.executable, __file__, "--once", sys.argv[1]], check=True, stderr=-3)


if __name__ == "__main__":
    if sys.argv[1] == "--once":
        once(Path(sys.argv[2]))
    else:
        main()
