"""The registered model, as MLflow loads it: from this code and the ONNX file, without pickle."""

import warnings

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException

from ecglens.errors import ECGLensError, RecordError
from ecglens.inference import Predictor
from ecglens.record import Record

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

        Returns
        -------
        dict
            ``labels``, ``thresholds``, ``warnings``, ``positive``, ``probability``, ``logit`` and,
            of a model that is additive, ``bias`` (an entry a record and label) and ``attribution``
            (batch, samples, 12 or 1, labels).

        Raises
        ------
        MlflowException
            If the input does not fit, has missing samples or a flat lead; the server answers with
            status 400.
        """
        signals = np.asarray(model_input, np.float32)
        try:
            result = self.predictor.run(signals)
            self._refuse_defects(signals)
        except ECGLensError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        card = self.predictor.card
        answer = {name: values.tolist() for name, values in result.items()}
        answer["positive"] = (result["probability"] >= np.array(card.thresholds)).tolist()
        described = {"labels": list(card.labels), "thresholds": list(card.thresholds)}
        return {**described, "warnings": list(card.warnings), **answer}

    def _refuse_defects(self, signals: np.ndarray) -> None:
        """Refuse what ``ecglens predict`` refuses: missing samples and flat leads."""
        for number, signal in enumerate(signals):
            record = Record(signal, self.predictor.card.sampling_frequency, f"record {number}")
            defects = record.defects()
            if defects:
                expected = "twelve leads without missing samples, none flat"
                raise RecordError(f"{record.name} of the request", "; ".join(defects), expected)


mlflow.models.set_model(ServedModel())
