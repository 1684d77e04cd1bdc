"""What a method of explanation is, and what it hands back."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np

from ecglens.errors import ParameterError, did_you_mean

BASELINES = ("zero", "median")


@dataclass(frozen=True)
class Attribution:
    """A method's maps.

    Parameters
    ----------
    values : ndarray, shape (records, samples, 12 or 1, labels)
    bias : ndarray of shape (records, labels), optional
        What the values are added to; without it, the value of a record of 0 mV.
    details : dict
        Whatever else was found; see :class:`ecglens.explain.Explanation`.
    notes : tuple of str
    over_time : bool
        Whether the values tell the moments of a lead apart; else they are spread evenly.
    """

    values: np.ndarray
    bias: np.ndarray | None = None
    details: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    over_time: bool = True


@dataclass(frozen=True)
class Method:
    """An entry of the table of methods.

    Parameters
    ----------
    run : callable
        ``run(evaluator, signals, **options) -> Attribution``.
    needs : {"additive model", "gradients", "predictions"}
        Of the model. Predictions alone are what an exported file can give as well.
    complete : bool
        Whether attribution and bias sum to what is explained, by construction.
    signed : bool
        Whether a negative value speaks against the label; else there are none.
    unit : str
        Of the attribution, when a logit is explained.
    summary : str
        With the paper it comes from.
    """

    run: Callable[..., Attribution]
    needs: str
    complete: bool
    signed: bool
    unit: str
    summary: str

    def options(self, given: dict, name: str) -> dict:
        """Return the options that a call ends up with, defaults included.

        Raises
        ------
        ParameterError
            If the method has no such option.
        """
        known = {
            p.name: p.default
            for p in inspect.signature(self.run).parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        }
        for option in given:
            if option not in known:
                mend = did_you_mean(option, known) if known else "It takes none."
                raise ParameterError(f"method {name}", f"no option {option!r}", "its options", mend)
        # As plain Python values: they are kept beside the maps, ready for JSON.
        plain = {o: v.item() if isinstance(v, np.generic) else v for o, v in given.items()}
        return {**known, **plain}


def check_choice(option: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices, naming the nearest."""
    if value not in choices:
        mend = did_you_mean(value, choices)
        raise ParameterError(option, repr(value), "one of the choices", mend)


def check_number(option: str, value: float, lowest: float) -> None:
    """Refuse a number below the lowest that means something, an infinite one, or none at all."""
    if not _fits(value, Real, lowest):
        raise ParameterError(option, repr(value), f"a finite number of at least {lowest}")


def check_count(option: str, value: int, lowest: int) -> None:
    """Refuse what is no whole number, or one below the lowest that means something."""
    if not _fits(value, Integral, lowest):
        # 1e3 and 64.0 are floats, which no loop can count to.
        whole = _fits(value, Real, lowest) and value == int(value)
        mend = f"Say {int(value)}." if whole else ""
        raise ParameterError(option, repr(value), f"a whole number of at least {lowest}", mend)


def _fits(value: object, kind: type, lowest: float) -> bool:
    """Return whether a value is a number of a kind from the lowest on; True is none, nor is NaN."""
    if isinstance(value, np.generic):
        value = value.item()  # a float32 would take the bound below for infinity
    if not isinstance(value, kind) or isinstance(value, bool):
        return False
    return lowest <= value <= sys.float_info.max  # beyond, a whole number is no float either


def baseline_of(signals: np.ndarray, baseline: str) -> np.ndarray:
    """Return what a method takes for "no signal", shaped as the signals (n, samples, 12).

    Parameters
    ----------
    signals : ndarray
        mV, without missing samples.
    baseline : {"zero", "median"}
        0 mV, or each lead's own median over the record.
    """
    check_choice("baseline", baseline, BASELINES)
    if baseline == "zero":
        return np.zeros_like(signals)
    return np.broadcast_to(np.median(signals, axis=1, keepdims=True), signals.shape).copy()
