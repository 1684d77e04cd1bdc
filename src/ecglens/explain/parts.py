"""Parts of a record that can be named: leads, waves, intervals, and where they meet."""

import re
from dataclasses import dataclass

import numpy as np

from ecglens.errors import ParameterError, did_you_mean
from ecglens.explain.waves import WAVES, wave_masks
from ecglens.record import LEADS

_INTERVAL = re.compile(r"(\d+(?:\.\d*)?|\.\d+)-(\d+(?:\.\d*)?|\.\d+)(?: ?s)?")
_KNOWN = (*LEADS, *WAVES)


@dataclass(frozen=True)
class Part:
    """What lies in some leads, some waves and an interval at once; whatever is not named is all.

    Parameters
    ----------
    leads : tuple of str
        Of :data:`ecglens.record.LEADS`.
    waves : tuple of str
        Of :data:`ecglens.explain.waves.WAVES`.
    start, end : float
        s from the record's start.

    Raises
    ------
    ParameterError
        If a lead or wave is not known, or the interval is empty.
    """

    leads: tuple[str, ...] = ()
    waves: tuple[str, ...] = ()
    start: float = 0.0
    end: float = np.inf

    def __post_init__(self) -> None:
        for names, known in ((self.leads, LEADS), (self.waves, WAVES)):
            for name in names:
                if name not in known:
                    mend = did_you_mean(name, known)
                    raise ParameterError("part", f"no {name!r}", "a lead or wave", mend)
        if not 0 <= self.start < self.end:
            found = f"{self.start} to {self.end} s"
            raise ParameterError("part", found, "an interval that ends after it starts")

    @classmethod
    def of(cls, text: str) -> "Part":
        """Read a part: leads, waves and an interval, joined by colons, such as "T:V5:1.2-1.8".

        Raises
        ------
        ParameterError
            If a word is none of these.
        """
        leads, waves, span = [], [], (0.0, np.inf)
        for word in text.split(":"):
            lead = {lead.lower(): lead for lead in LEADS}.get(word.strip().lower())
            wave = {wave.lower(): wave for wave in WAVES}.get(word.strip().lower())
            interval = _INTERVAL.fullmatch(word.strip())
            if lead:
                leads.append(lead)
            elif wave:
                waves.append(wave)
            elif interval:
                span = float(interval[1]), float(interval[2])
            else:
                expected = "leads, waves and an interval in s, joined by ':', such as T:V5:1.2-1.8"
                raise ParameterError("part", repr(word), expected, did_you_mean(word, _KNOWN))
        return cls(tuple(leads), tuple(waves), *span)

    def __str__(self) -> str:
        interval = f"{self.start:g}-{self.end:g} s" if self.end < np.inf else ""
        words = [",".join(self.waves), ",".join(self.leads), interval]
        return " ".join(word for word in words if word) or "everything"


class Parts:
    """Masks of parts of records, whose waves are looked for once, and only if they are asked for.

    Parameters
    ----------
    signals : ndarray, shape (records, samples, 12)
        mV.
    rate : float
        Hz.
    """

    def __init__(self, signals: np.ndarray, rate: float) -> None:
        self.signals, self.rate = signals, rate
        self._waves: np.ndarray | None = None

    @property
    def waves(self) -> np.ndarray:
        """Which wave each sample is in, bool (records, samples, 4)."""
        if self._waves is None:
            self._waves = wave_masks(self.signals, self.rate)
        return self._waves

    def mask(self, *parts: Part) -> np.ndarray:
        """Return what lies in any of the parts: bool (records, samples, 12)."""
        mask = np.zeros(self.signals.shape, bool)
        place = np.arange(self.signals.shape[1]) / self.rate
        for part in parts:
            inside = ((place >= part.start) & (place < part.end))[None]
            if part.waves:
                chosen = [WAVES.index(wave) for wave in part.waves]
                inside = inside & self.waves[..., chosen].any(axis=-1)
            leads = np.isin(LEADS, part.leads or LEADS)
            mask |= inside[..., None] & leads
        return mask
