"""The errors that ECGLens raises for bad input. Depends on no other module of the package."""

import difflib
import sys
from collections.abc import Callable, Iterable


class ECGLensError(Exception):
    """Base of every error that a user can mend; the command line prints it without a traceback.

    Parameters
    ----------
    source : str
        The file, parameter or label at fault.
    found : str
        What is there.
    expected : str
        What should be there.
    mend : str, optional
        How to put it right.
    """

    def __init__(self, source: object, found: str, expected: str, mend: str = "") -> None:
        self.source, self.found, self.expected, self.mend = str(source), found, expected, mend
        super().__init__(self._message())

    def _message(self) -> str:
        message = f"{self.source}: found {self.found}; expected {self.expected}."
        return f"{message} {self.mend}".rstrip()

    def __reduce__(self):
        # Keeps the four parts when a worker process raises.
        return type(self), (self.source, self.found, self.expected, self.mend)

    def rename(self, given: str, instead_of: str) -> None:
        """Name a path as the user gave it, not as a worker found it."""
        for part in ("source", "found", "expected", "mend"):
            setattr(self, part, getattr(self, part).replace(instead_of, given))
        self.args = (self._message(),)


class RecordError(ECGLensError):
    """An ECG record that cannot be read, or must not be used as it is."""


class DatasetError(ECGLensError):
    """A data set's folder or tables are not in the expected layout."""


class ParameterError(ECGLensError):
    """A value in params.yaml or on the command line that means nothing here."""


class LabelError(ECGLensError):
    """A label, code or task that is not known, or that a data set cannot support."""


class ModelError(ECGLensError):
    """A model file that is not an ECGLens model, or does not fit the input."""


class ClusterError(ECGLensError):
    """Workers that cannot be reached, do not live, or run another version."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return a sentence that names the known values, the nearest of them first.

    Examples
    --------
    >>> did_you_mean("superclas", ["superclass", "abnormal"])
    'Did you mean "superclass"? Known: abnormal, superclass.'
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name).lower(), [k.lower() for k in known], n=1, cutoff=0.5)
    guess = next((k for k in known if near and k.lower() == near[0]), None)
    listing = f"Known: {', '.join(known)}."
    return f'Did you mean "{guess}"? {listing}' if guess else listing


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's script; an error that the user can mend ends it with one line and code 1."""
    try:
        main()
    except ECGLensError as error:
        sys.exit(f"ecglens: {error}")
