"""The registered model, as MLflow loads it: from this code and the ONNX file, without pickle."""

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException

from ecglens.errors import ECGLensError
from ecglens.inference import OUTPUTS, Predictor


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
            ``labels``, ``thresholds``, ``positive``, ``probability``, ``logit``, ``bias`` (an entry
            a record and label) and ``attribution`` (batch, samples, 12 or 1, labels).

        Raises
        ------
        MlflowException
            If the input does not fit or has missing samples; the server answers with status 400.
        """
        signals = np.asarray(model_input, np.float32)
        try:
            if not np.isfinite(signals).all():
                raise MlflowException.invalid_parameter_value(
                    "The input has missing or infinite samples; expected millivolts throughout."
                )
            result = self.predictor.run(signals)
        except ECGLensError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        card = self.predictor.card
        answer = {name: result[name].tolist() for name in OUTPUTS}
        answer["positive"] = (result["probability"] >= np.array(card.thresholds)).tolist()
        return {"labels": list(card.labels), "thresholds": list(card.thresholds), **answer}


mlflow.models.set_model(ServedModel())
