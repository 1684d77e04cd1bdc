"""A network that was trained on short stretches, reading whole records; additive if it was."""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import ops

from ecglens.errors import ParameterError
from ecglens.models.additive import PARTS, parts_of
from ecglens.models.lead_image import LocalLinearModel


def whole_and_cropped(
    build: Callable[..., keras.Model], samples: int, crop: int | None, test: str
) -> tuple[keras.Model, keras.Model]:
    """Return the model of whole records and the network to train, whose weights it takes.

    Conditioning that looks at the whole of its input, such as a detrend of so many degrees, looks
    at a stretch in the network, and in the model of "whole" at the record.

    Parameters
    ----------
    build : callable
        From ``samples`` and ``crop``, by keyword, to a model of the table.
    samples : int
        Of a record.
    crop : int or None
        Of a stretch; None trains on whole records.
    test : {"whole", "average"}
        The model of whole records is the same network built at their length, and crops are taken
        behind its conditioning; or it is the mean of crops that overlap by half, each conditioned
        by itself.

    Raises
    ------
    ParameterError
        If the crop is longer than a record, or the network cannot be built at another length with
        the same weights and a logit of the same size.
    """
    if crop and crop > samples:
        found = f"{crop} samples"
        raise ParameterError("train.crop_seconds", found, f"at most a record's {samples}")
    if not crop or crop == samples:
        return build(samples=samples), build(samples=samples)
    if test == "average":
        return average_of_crops(build(samples=crop), samples), build(samples=crop)
    model, network = build(samples=samples), build(samples=samples, crop=crop)
    depends = None
    if [w.shape for w in model.weights] != [w.shape for w in network.weights]:
        depends = "weights depend on"
    elif any(isinstance(layer, LocalLinearModel) for layer in network.layers):
        depends = "logit is a sum that grows with"
    if depends:
        raise ParameterError(
            "train.crop_seconds",
            f"{network.name}, whose {depends} the record's length",
            "a network that is pooled over time",
            "Say train.crop_test=average, or train.crop_seconds=0.",
        )
    return model, network


def average_of_crops(network: keras.Model, samples: int) -> keras.Model:
    """Return a model of whole records: the mean of a network's logits over overlapping crops.

    The mean of additive models is additive: each crop's attribution goes where the crop was.

    Parameters
    ----------
    network : keras.Model
        Of the table, built at the crop's length.
    samples : int
        Of a record.
    """
    crop = network.input.shape[1]
    inputs = keras.Input((samples, network.input.shape[2]), name="millivolts")
    parts = network(Crops(crop, name="crops")(inputs))
    joined = JoinCrops(crop, samples, name="join")(parts_of(parts))
    return keras.Model(inputs, joined, name=network.name)


class Cropped(NamedTuple):
    """What a model of whole records reads them by.

    Parameters
    ----------
    network : keras.Model
        Built at the crop's length.
    starts : tuple of int
        Samples at which the crops begin.
    """

    network: keras.Model
    starts: tuple[int, ...]


def crops_of(model: keras.Model) -> Cropped | None:
    """Return the network of a model that averages crops; None of one that does not."""
    for join in model.layers:
        if isinstance(join, JoinCrops):
            network = next(layer for layer in model.layers if isinstance(layer, keras.Model))
            return Cropped(network, tuple(crop_starts(join.crop, join.samples)))
    return None


def crop_starts(crop: int, samples: int) -> list[int]:
    """Return where crops begin that overlap by half at least and reach from end to end."""
    last = samples - crop
    number = -(-2 * last // crop) + 1
    return [round(k * last / max(number - 1, 1)) for k in range(number)]


@keras.saving.register_keras_serializable("ecglens")
class Crops(keras.layers.Layer):
    """Cut records (batch, samples, 12) into overlapping crops (batch · crops, crop, 12)."""

    def __init__(self, crop: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.crop = crop

    def call(self, x):
        starts = crop_starts(self.crop, x.shape[1])
        cut = ops.stack([x[:, start : start + self.crop] for start in starts], axis=1)
        return ops.reshape(cut, (-1, self.crop, x.shape[2]))

    def compute_output_shape(self, input_shape):
        return (None, self.crop, input_shape[2])

    def get_config(self):
        return {**super().get_config(), "crop": self.crop}


@keras.saving.register_keras_serializable("ecglens")
class JoinCrops(keras.layers.Layer):
    """Average the logits of a record's crops, and put their attributions in their places."""

    def __init__(self, crop: int, samples: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.crop, self.samples = crop, samples

    def call(self, parts):
        starts = crop_starts(self.crop, self.samples)
        logit, *more = parts
        means = [
            ops.mean(ops.reshape(part, (-1, len(starts), part.shape[1])), axis=1)
            for part in (logit, *more[:1])
        ]
        placed = [self._placed(part, starts) for part in more[1:]]
        named = dict(zip(PARTS, (*means, *placed), strict=False))
        return {"probability": ops.sigmoid(named["logit"]), **named}

    def _placed(self, attribution, starts):
        shares = ops.reshape(attribution, (-1, len(starts), *attribution.shape[1:])) / len(starts)
        placed = [
            ops.pad(
                shares[:, k], [(0, 0), (start, self.samples - self.crop - start), (0, 0), (0, 0)]
            )
            for k, start in enumerate(starts)
        ]
        return sum(placed[1:], start=placed[0])

    def compute_output_shape(self, input_shape):
        named = dict(zip(PARTS, input_shape, strict=False))
        shapes = {"probability": named["logit"], **named}
        if "attribution" in shapes:
            _, _, leads, labels = shapes["attribution"]
            shapes["attribution"] = (None, self.samples, leads, labels)
        return shapes

    def get_config(self):
        return {**super().get_config(), "crop": self.crop, "samples": self.samples}
