"""The section ``train`` of params.yaml: how to fit, and how to change records meanwhile."""

from dataclasses import dataclass

from ecglens.errors import ParameterError
from ecglens.param_fields import at_least, between, one_of, within


@dataclass(frozen=True)
class Chance:
    """A change of records in training: the chance of each to be changed, and how far at most."""

    p: float = between(0.0, 1.0, 0.0)
    size: float = at_least(0.0, 0.0)


@dataclass(frozen=True)
class AugmentParams:
    """Changes of records in training; see :mod:`ecglens.augmentation`.

    Parameters
    ----------
    preset : {"none", "signal_cam", "own"}
        "own" takes the values below; another name has its own, in :data:`PRESETS`.
    place : {"recorded", "conditioned"}
        Whether the record is changed as it was recorded, or behind the model's conditioning, which
        could take the change away again: a scaling to each lead's peak undoes any amplitude's.
        Mixup follows it there.
    unit : {"mV", "peak"}
        Of noise, mains and respiration: "peak" is each lead's largest distance from its mean.
        Behind a scaling, "mV" is the unit that the scaling gives.
    waves : {"both", "one"}
        Whether mains and respiration may change the same record.
    time_shift, time_warp : Chance
        Sizes are shares of the record; behind the conditioning, of the crop.
    scale, lead_gain : Chance
        Sizes are shares of the amplitude.
    respiration, mains, noise : Chance
        Amplitudes at most, and the noise's standard deviation.
    lead_dropout : Chance
        The size is each lead's chance to be flat.
    """

    preset: str = one_of("none", "signal_cam", "own", default="none")
    place: str = one_of("recorded", "conditioned", default="recorded")
    unit: str = one_of("mV", "peak", default="mV")
    waves: str = one_of("both", "one", default="both")
    time_shift: Chance = Chance()
    time_warp: Chance = Chance()
    scale: Chance = Chance()
    lead_gain: Chance = Chance()
    respiration: Chance = Chance()
    mains: Chance = Chance()
    noise: Chance = Chance()
    lead_dropout: Chance = Chance()

    def chosen(self) -> "AugmentParams":
        """Return what is in force: these values, or the preset's."""
        return PRESETS.get(self.preset, self)


PRESETS = {
    "none": AugmentParams(),
    # EMBC 2025, doi 10.1109/EMBC58623.2025.11253260: each with p = .5, of the waves one or the
    # other, in a signal detrended and scaled to [-1, 1]; the noise's variance is .001.
    "signal_cam": AugmentParams(
        place="conditioned",
        unit="peak",
        waves="one",
        time_shift=Chance(0.5, 0.03),
        scale=Chance(0.5, 0.2),
        respiration=Chance(0.25, 0.2),
        mains=Chance(0.25, 0.2),
        noise=Chance(0.5, 0.001**0.5),
    ),
}


@dataclass(frozen=True)
class TrainParams:
    """How to fit.

    Parameters
    ----------
    epochs : int
        At most.
    batch_size : int
        Records.
    learning_rate : float
        The highest.
    schedule : {"cosine", "constant", "one_cycle", "step", "plateau"}
        How the rate goes; see :func:`ecglens.training.schedules.learning_rate`.
    patience : int
        Epochs without a better one after which the fit ends.
    best_by : {"auroc", "loss", "accuracy"}
        What of the validation records decides which epoch is best, is kept and is waited for: macro
        AUROC, the loss, which is ECG-XPLAIM's, or accuracy at a probability of one half, which is
        Signal-CAM's.
    seed : int
        Of initial weights, shuffling, crops and augmentation.
    warmup : float
        Share of the steps in which one_cycle rises.
    decay : float
        Factor of step and plateau.
    decay_epochs : int
        Epochs between two steps, or without a better one before plateau falls.
    optimizer : {"adam", "adamw"}
    weight_decay : float
        Of adamw.
    decayed : {"kernels", "all"}
        What adamw decays: kernels alone, or, as fastai 1 does, scales and biases too.
    momentum : {"constant", "cycle"}
        Of both: .9, or, with one_cycle, down from .95 to .85 where the rate rises, and back.
    beta_2 : float
        Decay of both's mean of squared gradients.
    gradient_clip : float
        Norm of all gradients together at most; 0 leaves them.
    loss : {"bce", "weighted_bce", "focal"}
        See :func:`ecglens.losses.build_loss`.
    label_smoothing, focal_gamma : float
    mixup : float
        Alpha of mixup (Zhang et al. 2018, arXiv 1710.09412); 0: none.
    ema : float
        Decay a step of the weights' moving average, which is then what is validated and kept; 0:
        none.
    statistics : {"moving", "renewed"}
        Of batch normalisation in what is validated and kept: moving averages over the batches as
        they were trained on, or found anew after each epoch on training records as they are; see
        :mod:`ecglens.training.statistics`.
    crop_seconds : float
        Length of the stretches to train on, drawn anew each time, of at least a sample and at most
        a record; 0: whole records.
    crop_test : {"whole", "average"}
        How a network trained on crops reads a whole record: as it is, or as the mean of crops that
        overlap by half.
    balance : {"none", "sampling"}
        With "sampling", records with rare labels are drawn more often.
    guidance : float
        Weight in the loss of what an additive model says for a label outside the label's evidence;
        0: none. See :mod:`ecglens.training.guidance`.
    augment : AugmentParams
    start_from : str
        A trained model's .keras file, or a registered model, whose weights the fit begins with:
        ``models/<task>/<model>/trained/model.keras``, or ``models:/<name>@champion``. Empty: none.
    head : {"kept", "new"}
        Whether the head's weights are taken too; labels of another task need a new one.
    freeze_epochs : int
        Epochs in which only the head is trained, before all is.
    ensemble : int
        Networks of the seeds from ``seed`` on; the model is the mean of their logits. 0: none is
        trained, and the model is the mean of those that join.
    beside : str
        Another task, whose labels the network learns as well, each among that task's own records;
        the model answers its own labels, and a second one, saved beside it, those of the other.
        Needs the loss "bce", no guidance, and a network that is trained.
    join : tuple of str
        Folders of trained models, as the train stage writes them, of the same signals: their
        networks become part of the mean as they are, such as ones trained on crops beside one on
        whole records. Of a task with more labels, those of this one count.
    rare : int
        Labels with fewer positive training records than this get the head's weights of a
        discriminant after the fit, in each network of the mean, those that join too; see
        :mod:`ecglens.training.discriminant`. 0: none.
    devices : int
        GPUs, or other devices of the Keras backend, that share each batch.
    """

    epochs: int = at_least(1)
    batch_size: int = at_least(1)
    learning_rate: float = at_least(0.0)
    schedule: str = one_of("cosine", "constant", "one_cycle", "step", "plateau")
    patience: int = at_least(1)
    seed: int = at_least(0)
    warmup: float = between(0.0, 1.0, 0.3)
    decay: float = between(0.0, 1.0, 0.95)
    decay_epochs: int = at_least(1, 1)
    optimizer: str = one_of("adam", "adamw", default="adam")
    weight_decay: float = at_least(0.0, 0.0)
    decayed: str = one_of("kernels", "all", default="kernels")
    momentum: str = one_of("constant", "cycle", default="constant")
    beta_2: float = within(0.0, 1.0, 0.999)
    gradient_clip: float = at_least(0.0, 0.0)
    loss: str = one_of("bce", "weighted_bce", "focal", default="bce")
    label_smoothing: float = between(0.0, 1.0, 0.0)
    focal_gamma: float = at_least(0.0, 2.0)
    mixup: float = at_least(0.0, 0.0)
    ema: float = between(0.0, 1.0, 0.0)
    statistics: str = one_of("moving", "renewed", default="moving")
    best_by: str = one_of("auroc", "loss", "accuracy", default="auroc")
    crop_seconds: float = at_least(0.0, 0.0)
    crop_test: str = one_of("whole", "average", default="whole")
    balance: str = one_of("none", "sampling", default="none")
    guidance: float = at_least(0.0, 0.0)
    augment: AugmentParams = AugmentParams()
    start_from: str = ""
    head: str = one_of("kept", "new", default="kept")
    freeze_epochs: int = at_least(0, 0)
    ensemble: int = at_least(0, 1)
    beside: str = ""
    join: tuple[str, ...] = ()
    rare: int = at_least(0, 0)
    devices: int = at_least(1, 1)


def check_training(train: TrainParams, where: str, rate: float, seconds: float) -> None:
    """Refuse what means nothing together, or not for these records.

    Parameters
    ----------
    train : TrainParams
    where : str
        The section's place, for the message.
    rate, seconds : float
        Sampling frequency, Hz, and length of the prepared records.

    Raises
    ------
    ParameterError
        If the devices cannot share a batch alike; if the momentum is to go with a cycle that the
        rate does not have; if the stretches to train on are shorter than a sample or longer than a
        record; if no network is trained and none joins; if labels of another task are to be learnt
        beside by no network, or by a loss or guidance that asks every label of every record; if a
        head is to be new, or alone trained, in a network that starts from none; if the chances of
        the two waves, of which a record has one, are more than 1; or if there is guidance together
        with what moves or mixes a record's signs, by its name.
    """
    check_shares(train, f"{where}: batch_size")
    # What rounds to no sample would train on whole records.
    crop = train.crop_seconds
    if crop and (crop * rate <= 0.5 or crop > seconds):
        raise ParameterError(
            f"{where}: crop_seconds", f"{crop:g}",
            f"at least a sample, {1 / rate:g} s, and at most a record, {seconds:g} s",
            "0 trains on whole records.",
        )  # fmt: skip
    if train.momentum == "cycle" and train.schedule != "one_cycle":
        raise ParameterError(
            f"{where}: momentum", f"cycle, with schedule {train.schedule}",
            "schedule one_cycle, whose cycle it is",
        )  # fmt: skip
    if not train.ensemble and not train.join:
        raise ParameterError(
            f"{where}: ensemble", "0, and nothing to join", "at least 1, or models in train.join"
        )
    if train.beside and (train.loss != "bce" or train.guidance or not train.ensemble):
        found = f"{train.beside}, with loss {train.loss}, guidance {train.guidance:g} and ensemble "
        expected = "loss bce, guidance 0 and a network to train"
        raise ParameterError(f"{where}: beside", f"{found}{train.ensemble}", expected)
    if not train.start_from and (train.freeze_epochs or train.head == "new"):
        found = f"none, with head {train.head} and freeze_epochs {train.freeze_epochs}"
        mend = "A network that starts from none has a new head, and nothing to freeze."
        raise ParameterError(f"{where}: start_from", found, "a trained model", mend)
    changes = train.augment.chosen()
    either = changes.mains.p + changes.respiration.p
    if changes.waves == "one" and either > 1:
        expected = "at most 1 together, where waves: one lets a record have one of them"
        raise ParameterError(f"{where}: augment", f"mains and respiration, p {either:g}", expected)
    if not train.guidance:
        return
    moving = {
        "crop_seconds": train.crop_seconds,
        "mixup": train.mixup,
        "augment.time_shift.p": changes.time_shift.p,
        "augment.time_warp.p": changes.time_warp.p,
    }
    for name, value in moving.items():
        if value:
            raise ParameterError(
                f"{where}: guidance", f"{name} of {value:g} beside it",
                f"{name} of 0, so that signs stay where their evidence is",
            )  # fmt: skip


def check_shares(train: TrainParams, source: str = "train.batch_size") -> None:
    """Refuse a batch of which the devices cannot have equal shares.

    Parameters
    ----------
    train : TrainParams
    source : str
        The batch size's place, for the message.

    Raises
    ------
    ParameterError
        If it is no multiple of the number of devices.
    """
    size, devices = train.batch_size, train.devices
    if size % devices:
        raise ParameterError(
            source, f"{size}, which train.devices={devices} cannot share alike",
            f"a multiple of {devices}",
            f"Say train.batch_size={size + -size % devices}, or train.devices=1.",
        )  # fmt: skip
