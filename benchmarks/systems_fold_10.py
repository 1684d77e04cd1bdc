"""A system's trained model on all of fold 10, which the balanced draw of its task leaves small.

    python benchmarks/systems_fold_10.py PTB-XL-FOLDER MODEL.onnx

The model is what ``KEEP=FOLDER bash benchmarks/systems_tasks.sh PTB-XL-FOLDER TASK`` keeps, and the
look is part of that opening of fold 10. Every record of fold 10 that takes part in the task, at its
own frequency of labels; prints for each label AUROC, sensitivity and specificity at the model's
threshold (chosen on the drawn fold 9), with 95 % intervals.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.datasets import ptb_xl
from ecglens.errors import run_stage
from ecglens.evaluation.delong import auroc_interval
from ecglens.evaluation.intervals import clopper_pearson
from ecglens.inference import Predictor
from ecglens.labels import get_task, label_matrix
from ecglens.manifests import with_labels
from ecglens.record import LEADS, read_record
