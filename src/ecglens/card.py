"""What an exported model says of itself, as one JSON object in the ONNX file's metadata."""

import json
from dataclasses import MISSING, dataclass, field

from ecglens.errors import LabelError, ModelError, did_you_mean
from ecglens.quality import known_rules
from ecglens.record import LEADS

PLAIN_OUTPUTS = ("probability", "logit")  # of every model
OUTPUTS = (*PLAIN_OUTPUTS, "attribution", "bias")  # of a model that is additive
WARNING_SIMULATED = "the model was trained on simulated records only: not for patients"
WARNING_NOT_ADDITIVE = (
    "the model is not additive: no exact explanation comes with it. Methods that look at it from "
    "outside (occlusion, gradients, Grad-CAM) estimate one, and their sum is not the logit"
)


@dataclass(frozen=True)
class ModelCard:
    """What an exported model says of itself.

    Parameters
    ----------
    task, model, dataset : str
        What was asked, which architecture answered, which data taught it.
    labels : tuple of str
    thresholds : tuple of float
        Probability from which a label is given, chosen on the validation fold.
    sampling_frequency : int
        Hz.
    samples : int
        Length of the input.
    leads : tuple of str
        In the order of the input's columns.
    units : str
        Of the input, "mV".
    other_rates : str
        "resample" or "refuse": what is done with a record at another rate.
    run_id : str
        The MLflow run that trained it.
    data_version : str
        DVC's hash of the prepared arrays.
    git_commit : str
        Of the code; ends in "-dirty" if it had uncommitted changes.
    created : str
        UTC time of the export.
    quality : dict of str to str
        What was done with records of poor quality before the training; see
        :mod:`ecglens.quality.policy`.
    additive : bool
        Whether the file explains each logit exactly; one that does not has no attribution, no bias.
    """

    task: str
    model: str
    dataset: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    sampling_frequency: int
    samples: int
    leads: tuple[str, ...]
    units: str
    other_rates: str
    run_id: str
    data_version: str
    git_commit: str
    created: str
    quality: dict = field(default_factory=dict, hash=False)
    additive: bool = True

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the file puts out, by name."""
        return OUTPUTS if self.additive else PLAIN_OUTPUTS

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of any of its predictions must know."""
        simulated = [WARNING_SIMULATED] if self.dataset == "simulated" else []
        return (*simulated, *([] if self.additive else [WARNING_NOT_ADDITIVE]))

    def column(self, label: str) -> int:
        """Return a label's place among the outputs.

        Raises
        ------
        LabelError
            If the model has no such label.
        """
        if label not in self.labels:
            mend = did_you_mean(label, self.labels)
            raise LabelError(self.model, f"no label {label!r}", "one of its labels", mend)
        return self.labels.index(label)

    @classmethod
    def from_json(cls, text: str, source: object) -> "ModelCard":
        """Read a card.

        Raises
        ------
        ModelError
            If it is no JSON, a field is missing, or the input is not what this version of ECGLens
            feeds.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError:
            raise ModelError(source, "metadata that is not JSON", "a card of ECGLens") from None
        fields = cls.__dataclass_fields__
        missing = [
            name
            for name, spec in fields.items()
            # Files of before may lack what has a default.
            if name not in content and spec.default_factory is spec.default is MISSING
        ]
        if missing:
            raise ModelError(source, f"no {', '.join(missing)} in its metadata", "a full card")
        values = {
            name: tuple(content[name]) if isinstance(content[name], list) else content[name]
            for name in fields
            if name in content
        }
        rules = known_rules(values.get("quality", {}), f"{source}: quality")
        # As plain strings: MLflow writes the card as YAML, which has no words for an enumeration.
        values["quality"] = {key: str(policy) for key, policy in rules.items()}
        card = cls(**values)
        if card.leads != LEADS or card.units != "mV":
            raise ModelError(source, f"leads {card.leads} in {card.units}", f"{LEADS} in mV")
        return card

    def to_json(self) -> str:
        """Return the card as one JSON object."""
        return json.dumps(self.__dict__)
