"""Fields of parameters' classes, with what their values may be. Depends on no other module."""

from dataclasses import MISSING, field
from typing import Any


def one_of(*choices: object, default: object = MISSING) -> Any:
    """Return a field with a few values. A default is for code: params.yaml says everything."""
    return field(default=default, metadata={"choices": choices})


def at_least(lowest: float, default: float = MISSING) -> Any:
    """Return a field with a lowest value."""
    return field(default=default, metadata={"lowest": lowest})


def between(lowest: float, highest: float, default: float = MISSING) -> Any:
    """Return a field with a lowest and a highest value."""
    return field(default=default, metadata={"lowest": lowest, "highest": highest})


def within(lowest: float, below: float, default: float = MISSING) -> Any:
    """Return a field with a lowest value, and one that it stays below."""
    return field(default=default, metadata={"lowest": lowest, "below": below})
