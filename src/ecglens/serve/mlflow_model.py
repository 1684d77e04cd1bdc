"""The registered model, as MLflow loads it: from this code and the ONNX file, without pickle."""

import warnings
from dataclasses import asdict

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException

from ecglens.card import ModelCard
from ecglens.errors import ECGLensError
from ecglens.inference import Answers, Predictor

# MLflow asks for type hints, with which it would convert the arrays to lists.
warnings.filterwarnings("ignore", message=".*Add type hints", category=UserWarning)


class ServedModel(mlflow.pyfunc.PythonModel):
    """Answers a batch of raw signals with the numbers that ``ecglens predict`` gives."""

    def load_context(self, context):
        """Open the ONNX file that was registered."""
        self.predictor = Predictor(context.artifacts["onnx"])

    def predict(self, context, model_input, params=None):
        """Predict a batch.

        Parameters
        ----------
        model_input : array, shape (batch, samples, 12)
            Raw millivolts at the model's rate, leads I II III aVR aVL aVF V1 ... V6.
        params : dict, optional
            ``policy``: what is done about poor quality, as ``ecglens predict --policy`` takes it;
            several rules are separated by commas.

        Returns
        -------
        dict
            ``labels``, ``thresholds`` and ``warnings`` of the model; and, an entry a record,
            ``abstained``, ``reasons`` (why), ``flags`` (of quality), ``masked`` (leads taken as
            missing), ``positive``, ``probability``, ``logit`` and, of a model that is additive,
            ``bias`` (each by label) and ``attribution`` (samples, 12 or 1, labels). From
            ``positive`` on, all are None for a record abstained from, so that nothing can be read
            as its answer.

        Raises
        ------
        MlflowException
            If the input or policy does not fit; the server answers with status 400.
        """
        words = [text for text in [(params or {}).get("policy")] if text]
        try:
            answers = self.predictor.answer(np.asarray(model_input, np.float32), policy=words)
        except ECGLensError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        card = self.predictor.card
        return {
            "labels": list(card.labels),
            "thresholds": list(card.thresholds),
            "warnings": list(card.warnings),
            **_by_record(answers, card),
        }


def _by_record(answers: Answers, card: ModelCard) -> dict[str, list]:
    """Return plain values, an entry a record; None where there is no answer."""
    there = [not abstained for abstained in answers.abstained]
    values = {name: answers.outputs[name] for name in card.outputs}
    values["positive"] = values["probability"] >= np.array(card.thresholds)
    return {
        "abstained": answers.abstained,
        "reasons": [
            [flag.sentence for flag in treatment.reasons] if not given else []
            for treatment, given in zip(answers.treatments, there, strict=True)
        ],
        "flags": [[asdict(flag) for flag in flags] for flags in answers.flags],
        "masked": [
            list(treatment.masked_leads) if given else []
            for treatment, given in zip(answers.treatments, there, strict=True)
        ],
        **{
            name: [row.tolist() if given else None for row, given in zip(rows, there, strict=True)]
            for name, rows in values.items()
        },
    }


mlflow.models.set_model(ServedModel())
