"""How much of a model's map for PVC lies on the ectopic beats of real records.

    python benchmarks/ectopic_beats.py PTB-XL-FOLDER MODEL.keras...

The models are additive ones at 100 Hz that know the label PVC. Judged on records of fold 9 with
that statement in which the ectopic beats stand out: their QRS and T correlate by less than .5 with
the record's median beat, at least three beats by more than .85, and at most four in ten are
ectopic. Evidence is from 0.25 s before such an R peak to 0.45 s after it, in any lead; the
localisation is the share of the positive attribution in it, pointing whether its peak is.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from ecglens.datasets import ptb_xl
from ecglens.errors import run_stage
from ecglens.explain.waves import r_peaks
from ecglens.labels import Policy, get_task
from ecglens.manifests import with_labels
from ecglens.models import load_model
from ecglens.preparation import prepare
from ecglens.store import open_store
from ecglens.tracking import RunInfo

RATE, SECONDS, FOLD, LABEL = 100, 10.0, 9, "PVC"
BEAT = (25, 35)  # samples of a beat before and after its R peak, to compare
EVIDENCE = (25, 45)
ECTOPIC, REGULAR, MOST = 0.5, 0.85, 0.4


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    signals, evidence = judged(Path(sys.argv[1]))
    print(f"{len(signals)} records of fold {FOLD}, ectopic beats are {evidence.mean():.3f} of them")
    print(f"{'model':<52}{'localisation':>13}{'pointing':>10}")
    for path in map(Path, sys.argv[2:]):
        task = RunInfo.load(path.parent / "run.json").params["task"]
        column = get_task(task).labels.index(LABEL)
        found = load_model(path).predict(signals, verbose=0, batch_size=32)["attribution"]
        shares = found[..., column].sum(axis=2)
        positive = np.maximum(shares, 0)
        # A map without a positive part shows nothing.
        inside = (positive * evidence).sum(axis=1) / np.maximum(positive.sum(axis=1), 1e-12)
        peak = evidence[np.arange(len(evidence)), shares.argmax(axis=1)]
        print(f"{'/'.join(path.parts[-5:-1]):<52}{inside.mean():>13.3f}{peak.mean():>10.3f}")


def judged(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the records (mV), and which samples are of an ectopic beat."""
    manifest = with_labels(ptb_xl.manifest(folder), ptb_xl.VOCABULARY, Policy())
    has = manifest.labels.map(lambda labels: LABEL in labels)
    manifest = manifest[(manifest.fold == FOLD) & has]
    files = zip(manifest.record_id, manifest.file_100, strict=True)
    with tempfile.TemporaryDirectory() as work:
        prepare(folder, files, Path(work) / "s", sampling_frequency=RATE, seconds=SECONDS)
        store = open_store(Path(work) / "s")
        signals = store.millivolts(np.arange(len(store.record_ids)))
    marks = [ectopic(signal) for signal in signals]
    kept = [mark is not None for mark in marks]
    return signals[kept], np.stack([mark for mark in marks if mark is not None])


def ectopic(signal: np.ndarray) -> np.ndarray | None:
    """Mark the ectopic beats of a record, shape (samples,); None where they do not stand out."""
    before, after = BEAT
    peaks = np.round(RATE * r_peaks(signal, RATE)).astype(int)
    peaks = peaks[(peaks >= before) & (peaks <= len(signal) - after)]
    beats = np.stack([signal[p - before : p + after] for p in peaks]) if len(peaks) else signal[:0]
    if len(beats) == 0:
        return None
    beats = beats - beats.mean(axis=1, keepdims=True)
    usual = np.median(beats, axis=0).ravel()
    alike = np.array([np.corrcoef(beat.ravel(), usual)[0, 1] for beat in beats])
    odd = alike < ECTOPIC
    if (alike > REGULAR).sum() < 3 or not 1 <= odd.sum() <= MOST * len(peaks):
        return None
    mark = np.zeros(len(signal), bool)
    for peak in peaks[odd]:
        mark[max(0, peak - EVIDENCE[0]) : peak + EVIDENCE[1]] = True
    return mark


if __name__ == "__main__":
    sys.exit(run_stage(main))
