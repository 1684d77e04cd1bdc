"""The benchmark of explanations: every method, on every label, by every measure, on one protocol.

Each label is judged on the records that carry it and that the model finds: an explanation of a miss
explains the miss. Measures that need a record's map again and again are taken on some of them, and
the table says on how many. A method's results are written when it is done, and not measured anew
while model, records and settings are the same.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ecglens.errors import ParameterError, did_you_mean
from ecglens.explain import METHODS, NamedModel, explain
from ecglens.explain import faithfulness as measure
from ecglens.explain import faithfulness_removal as removal
from ecglens.explain import faithfulness_stability as stability
from ecglens.explain.faithfulness_cases import Cases, CaseSet
from ecglens.files import whole_file

COLUMNS = ["set", "method", "label", "record", "measure", "value"]
FILLS = ("zero", "bridge")
BATCH = 256  # signals at a time
COVERED = 0.8  # of what is judged; a label whose evidence covers more is not judged against it
VERSION = 2  # of the protocol; another one makes kept results worthless


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Parameters
    ----------
    dear : int
        Records a label for measures that ask for the map again: stability, randomisation.
    steps : int
        Of the removal curves.
    removals : int
        Random ones, for the infidelity.
    seed : int
        Of everything that is drawn.
    """

    dear: int = 10
    steps: int = 10
    removals: int = 20
    seed: int = 1


def check_methods(names: Sequence[str]) -> None:
    """Refuse a method that the table does not have, naming the nearest."""
    for name in names:
        if name not in METHODS:
            mend = did_you_mean(name, METHODS)
            raise ParameterError("methods", f"no method {name!r}", "one of the table", mend)


class Benchmark:
    """Judges methods on one model.

    Parameters
    ----------
    model : NamedModel
        A Keras model with its labels.
    sets : sequence of CaseSet
        Of cases that the model finds; see :func:`ecglens.explain.faithfulness_cases.kept`.
    settings : Settings
    """

    def __init__(self, model: NamedModel, sets: Sequence[CaseSet], settings: Settings) -> None:
        self.model, self.sets, self.settings = model, tuple(sets), settings
        self.rate = model.sampling_frequency
        self._drops: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def methods(self, wanted: Sequence[str] = ()) -> list[str]:
        """Return the wanted methods that fit the model, or all that do.

        Raises
        ------
        ParameterError
            If a method is not known, or does not fit.
        """
        check_methods(wanted)
        fitting = [n for n, m in METHODS.items() if m.needs in self._offers]
        for name in wanted:
            if name not in fitting:
                found = f"{name!r}, which needs an {METHODS[name].needs}"
                raise ParameterError(
                    "methods", found, f"methods that fit {self.model.name}", ", ".join(fitting)
                )
        return list(dict.fromkeys(wanted)) or fitting

    @property
    def _offers(self) -> set[str]:
        gradients = set() if self.model.is_onnx else {"gradients"}
        return {"predictions", *gradients, *({"additive model"} if self.model.additive else ())}

    def run(self, methods: Sequence[str], folder: Path) -> pd.DataFrame:
        """Judge methods, each into a file of ``folder``; what is there already is kept.

        Returns
        -------
        DataFrame
            One row a set, method, label, record and measure, :data:`COLUMNS`.
        """
        key, tables = self.key, []
        total = sum(len(case_set.cases) for case_set in self.sets)
        for name in methods:
            path = folder / f"{name}.parquet"
            table = _kept(path, key)
            if table is None:
                bar = tqdm(self._judge(name), name, total=total, unit="label")
                table = pd.concat(list(bar), ignore_index=True)
                with whole_file(path) as part:
                    table.attrs["key"] = key
                    table.to_parquet(part, index=False)
            tables.append(table)
        empty = pd.DataFrame(columns=COLUMNS)
        return pd.concat(tables, ignore_index=True) if tables else empty

    @cached_property
    def key(self) -> str:
        """Of what the results depend on: protocol, weights, records, settings."""
        digest = hashlib.sha256(json.dumps([VERSION, asdict(self.settings)]).encode())
        for weights in self.model.model.get_weights():
            digest.update(np.ascontiguousarray(weights))
        for case_set in self.sets:
            digest.update(case_set.signals)
            for cases in case_set.cases:
                digest.update(f"{case_set.name} {cases.label}".encode())
                digest.update(np.packbits(cases.evidence))
                digest.update(np.ascontiguousarray(cases.rows))
        return digest.hexdigest()

    def _judge(self, method: str) -> Iterator[pd.DataFrame]:
        """Measure one method, a label of a set at a time."""
        first = self.sets[0]
        for count in (1, 2):  # compiles for any number of records, apart from the cost
            self._maps(method, first.cases[0].label, first.signals[:count])
        for case_set in self.sets:
            for cases in case_set.cases:
                values = self._measures(method, case_set, cases)
                yield _long(case_set, method, cases, values)

    def _maps(self, method: str, label: str, signals: np.ndarray, model=None) -> np.ndarray:
        """Return one label's maps (n, samples, 12 or 1)."""
        named = self.model if model is None else model
        return explain(named, signals, label, method, batch_size=BATCH).attribution[..., 0]

    def _measures(self, method: str, case_set: CaseSet, cases: Cases) -> dict[str, np.ndarray]:
        """Return each measure's values, one a record; fewer records for the dear ones."""
        signals = case_set.signals[cases.rows]
        found = explain(self.model, signals, cases.label, method, batch_size=BATCH)
        maps, cost, count = found.attribution[..., 0], found.cost, len(signals)
        values = {
            "forward_passes": np.full(count, cost.forward_passes / count),
            "gradient_passes": np.full(count, cost.gradient_passes / count),
            "milliseconds": np.full(count, 1000 * cost.seconds / count),
        }
        values |= against_evidence(maps, cases)
        values |= self._removals(maps, signals, cases.label)
        values |= self._infidelity(method, maps, signals, case_set.name, cases.label)
        if METHODS[method].unit == "logit" and METHODS[method].signed:
            bias, logit = found.bias[:, 0], found.logit[:, 0]
            values["completeness_error"] = measure.completeness_error(maps, bias, logit)
        some = spread_out(count, self.settings.dear)
        values |= self._stabilities(method, maps[some], signals[some], cases.label)
        return values

    def _removals(self, maps: np.ndarray, signals: np.ndarray, label: str) -> dict:
        values = {}
        orders = {"time": measure.over_time(maps)}
        if maps.shape[2] > 1:
            orders["lead"] = maps
        for reading, order in orders.items():
            for fill in FILLS if reading == "time" else FILLS[:1]:
                curves = removal.degradation_curves(
                    self._answer(label, "probability"), signals, order,
                    removal.Removal.at(self.rate, fill), steps=self.settings.steps,
                    batch_size=BATCH,
                )  # fmt: skip
                for name in ("insertion", "deletion", "degradation"):
                    values[f"{name}_{reading}_{fill}"] = getattr(curves, name)
        return values

    def _infidelity(self, method, maps, signals, name: str, label: str) -> dict:
        """Compare what maps foretell with removals that are the same for every method."""
        how = removal.Removal.at(self.rate, "zero")
        if (name, label) not in self._drops:
            windows = -(-signals.shape[1] // how.window)
            gone = removal.draw_removals(
                len(signals), self.settings.removals, windows, self.settings.seed
            )
            drops = removal.drops_of(self._answer(label, "logit"), signals, gone, how)
            self._drops[name, label] = gone, drops
        gone, drops = self._drops[name, label]
        shares = removal.shares_of(maps, gone, how.window)
        values = {"faithfulness_correlation": measure.faithfulness_correlation(shares, drops)}
        if METHODS[method].unit == "logit":
            values["infidelity"] = measure.infidelity(shares, drops)
        return values

    def _stabilities(self, method: str, maps: np.ndarray, signals: np.ndarray, label: str) -> dict:
        def again(changed):
            return self._maps(method, label, changed)

        seed = self.settings.seed
        noise = stability.noise_stability(again, signals, maps, seed=seed)
        shift = stability.shift_stability(again, signals, maps, self.rate)
        drawn = [
            stability.randomisation(maps, self._maps(method, label, signals, model))
            for model in self._randomised
        ]
        return {
            "noise_correlation": noise.correlation,
            "noise_change": noise.change,
            "shift_correlation": shift.correlation,
            "shift_change": shift.change,
            "randomised_similarity": np.mean(drawn, axis=0),
            "randomised_all_similarity": drawn[-1],
        }

    @cached_property
    def _randomised(self) -> list[NamedModel]:
        """The model with ever more of its weights drawn anew."""
        import keras

        keras.utils.set_random_seed(self.settings.seed)
        drawn = stability.cascade(self.model.model)
        return [NamedModel(m, self.model.labels, self.rate) for _, m in drawn]

    def _answer(self, label: str, output: str):
        column = self.model.columns(label)[0]

        def ask(signals: np.ndarray) -> np.ndarray:
            starts = range(0, len(signals), BATCH)
            parts = [self.model.run(signals[i : i + BATCH])[output] for i in starts]
            return np.concatenate(parts)[:, column]

        return ask


def against_evidence(maps: np.ndarray, cases: Cases) -> dict[str, np.ndarray]:
    """Return how maps lie to the evidence: in time and, of twelve columns, in time and leads.

    Nothing where the evidence covers nearly all, as that of a rate does: no map could lie wrong.
    """
    readings = {"time": measure.over_time(maps)}
    if maps.shape[2] > 1:
        readings["lead"] = maps
    by = {
        "evidence_share": measure.evidence_share,
        "localisation": measure.localisation,
        "pointing_game": measure.pointing_game,
        "rank_accuracy": measure.rank_accuracy,
    }
    return {
        f"{name}_{reading}": function(values, cases.evidence, cases.judged)
        for reading, values in readings.items()
        if measure.evidence_share(values, cases.evidence, cases.judged).mean() <= COVERED
        for name, function in by.items()
    }


def spread_out(count: int, wanted: int) -> np.ndarray:
    """Return at most ``wanted`` places, evenly spread over ``count``."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))


def _long(case_set: CaseSet, method: str, cases: Cases, values: dict) -> pd.DataFrame:
    """Return values as rows; a measure with fewer values than records is of those spread out."""
    ids, count = case_set.record_ids[cases.rows].astype(str), len(cases.rows)
    parts = []
    for name, found in values.items():
        places = spread_out(count, len(found))
        rows = {"set": case_set.name, "method": method, "label": cases.label}
        rows |= {"record": ids[places], "measure": name, "value": np.asarray(found, float)}
        parts.append(pd.DataFrame(rows, columns=COLUMNS))
    return pd.concat(parts, ignore_index=True)


def _kept(path: Path, key: str) -> pd.DataFrame | None:
    """Return the results of an earlier run of the same; None where there are none."""
    if not path.is_file():
        return None
    table = pd.read_parquet(path)
    return table if table.attrs.get("key") == key else None
