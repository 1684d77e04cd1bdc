"""labels.yaml, read and checked as a whole: what codes and statements mean, and what tasks ask.

Statements in words are read after NegEx (Chapman et al. 2001, J. Biomed. Inform. 34:301, doi
10.1006/jbin.2001.1029): a cue such as "no" or "possible" holds for the words between it and the end
of its scope.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib.resources import files

import numpy as np
import yaml

from ecglens.errors import LabelError, did_you_mean

VOCABULARIES = ("scp", "mimic", "snomed")
# Kinds of cues. Of two that begin at one place, the kind that comes first here wins.
CUES = ("ignored", "hedged_after", "denied_after", "hedged", "denied")
SCOPE_END = "scope_end"
LONGEST = 2_000  # characters; what is longer is no statement

Span = tuple[int, int]


@dataclass(frozen=True)
class Task:
    """One question that a model answers.

    Parameters
    ----------
    name : str
        As in ``labels.yaml`` and ``params.yaml``.
    labels : tuple of str
        One output each. A task of one label is binary.
    population : tuple of str
        A record must carry one of these labels to take part; empty where all take part.
    joins : tuple of Task
        Tasks whose labels these are, each once: one model answers them all, and each is measured
        in its own population besides.
    """

    name: str
    labels: tuple[str, ...]
    population: tuple[str, ...] = ()
    joins: tuple["Task", ...] = ()


@dataclass(frozen=True)
class Label:
    """An entry of labels.yaml."""

    name: str
    groups: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    scp: tuple[str, ...] = ()
    mimic: tuple[str, ...] = ()
    snomed: tuple[str, ...] = ()


class StatementReader:
    """Finds findings in statements.

    Parameters
    ----------
    patterns : mapping of str to sequence of str
        Regular expressions of each finding, for lower case and single spaces; they match whole
        words only.
    cues : mapping of str to sequence of str
        Regular expressions of each kind of :data:`CUES`, and of ``scope_end``.
    words : mapping of str to str
        Pieces of regular expressions, which patterns and later words may name as ``<word>``.
    source : str
        Where they are written, for messages.

    Raises
    ------
    LabelError
        If an expression is none or matches no words at all, a word is not known, or a kind of cue
        is missing.
    """

    def __init__(
        self,
        patterns: Mapping[str, Sequence[str]],
        cues: Mapping[str, Sequence[str]],
        words: Mapping[str, str],
        source: str,
    ) -> None:
        self._source = source
        self._words: dict[str, str] = {}
        for name, text in words.items():
            self._words[name] = self._expanded(text, f"words: {name}")
        if set(cues) != {*CUES, SCOPE_END}:
            expected = f"the kinds {', '.join((*CUES, SCOPE_END))}"
            raise LabelError(f"{source}: cues", f"the kinds {', '.join(cues)}", expected)
        self._findings = {
            finding: self._compiled(_whole, texts, f"labels: {finding}: mimic")
            for finding, texts in patterns.items()
            if texts
        }
        self._cues = {kind: self._compiled(_whole, cues[kind], f"cues: {kind}") for kind in CUES}
        self._any_cue = re.compile("|".join(f"({c.pattern})" for c in self._cues.values()))
        self._scope_end = self._compiled("|".join, cues[SCOPE_END], f"cues: {SCOPE_END}")

    def read(self, statement: str) -> dict[str, bool]:
        """Return the findings that a statement names: True, or False where it only hedges.

        A finding that is denied or not named is left out.

        Raises
        ------
        LabelError
            If the statement is longer than :data:`LONGEST`.
        """
        if len(statement) > LONGEST:
            found = f"{len(statement)} characters"
            raise LabelError(f"statement {statement[:40]!r}...", found, f"at most {LONGEST}")
        text = " ".join(statement.lower().split())
        denied, hedged = self._scopes(text)
        findings = {}
        for finding, pattern in self._findings.items():
            spans = [match.span() for match in pattern.finditer(text)]
            spans = [span for span in spans if not _touches(span, denied)]
            if spans:
                findings[finding] = any(not _touches(span, hedged) for span in spans)
        return findings

    def _scopes(self, text: str) -> tuple[list[Span], list[Span]]:
        """Return the stretches of a text that are denied and those that are hedged."""
        scopes: dict[str, list[Span]] = {"denied": [], "hedged": []}
        ends = [match.span() for match in self._scope_end.finditer(text)]
        for cue in self._any_cue.finditer(text):
            kind = next(k for k, c in self._cues.items() if c.match(text, cue.start()))
            if kind in scopes:
                after = [start for start, _ in ends if start >= cue.end()]
                scopes[kind].append((cue.start(), min(after, default=len(text))))
            elif kind != "ignored":
                before = [end for _, end in ends if end <= cue.start()]
                scopes[kind.removesuffix("_after")].append((max(before, default=0), cue.start()))
        return scopes["denied"], scopes["hedged"]

    def _expanded(self, text: str, where: str) -> str:
        def piece(match: re.Match) -> str:
            if match[1] not in self._words:
                mend = did_you_mean(match[1], self._words)
                raise LabelError(f"{self._source}: {where}", match[0], "a known word", mend)
            return self._words[match[1]]

        return re.sub(r"<(\w+)>", piece, text)

    def _compiled(self, join, texts: Sequence[str], where: str) -> re.Pattern:
        try:
            pattern = re.compile(join(self._expanded(text, where) for text in texts))
        except re.error as error:
            found = f"{', '.join(texts)} ({error})"
            raise LabelError(f"{self._source}: {where}", found, "regular expressions") from None
        if pattern.search(""):
            found = f"{', '.join(texts)}, which matches an empty text"
            raise LabelError(f"{self._source}: {where}", found, "patterns that need some words")
        return pattern


def _whole(patterns: Iterable[str]) -> str:
    """Return one pattern for any of several that neither begins nor ends inside a word."""
    return rf"(?:(?<!\w)|(?!\w))(?:{'|'.join(patterns)})(?:(?!\w)|(?<!\w))"


def _touches(span: Span, scopes: Sequence[Span]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in scopes)


class Tables:
    """The content of labels.yaml.

    Parameters
    ----------
    content : dict
        With ``words``, ``cues``, ``labels`` and ``tasks``.
    source : str
        Where it was read from, for messages.

    Raises
    ------
    LabelError
        If an entry has an unknown key, a name that cannot name a file, an unknown label or group,
        or is a part of itself, or if an expression cannot be read.
    """

    def __init__(self, content: dict, source: str = "labels.yaml") -> None:
        self.source = source
        sections = ("words", "cues", "labels", "tasks")
        for section in sections:
            if not isinstance(content, dict) or not isinstance(content.get(section), dict):
                expected = f"sections {', '.join(sections)}, each a mapping"
                raise LabelError(source, f"no section {section!r}", expected)
        self.labels = {str(name): self._label(name, e) for name, e in content["labels"].items()}
        self.names = list(self.labels)
        self.column = {name: k for k, name in enumerate(self.names)}
        self.parts = self._closure()
        self.tasks: dict[str, Task] = {}
        for name, entry in content["tasks"].items():  # one by one: a task may join those before it
            self.tasks[name] = self._task(name, entry)
        patterns = {name: label.mimic for name, label in self.labels.items()}
        self.reader = StatementReader(patterns, content["cues"], content["words"], source)

    def known(self, label: str, where: str = "") -> str:
        """Return a label's name; one that labels.yaml does not define is refused."""
        if label not in self.labels:
            source = f"{self.source}: {where}" if where else self.source
            mend = did_you_mean(label, self.labels)
            raise LabelError(source, f"no label {label!r}", "one of its labels", mend)
        return label

    def codes(self, label: str, vocabulary: str) -> frozenset[str]:
        """Return the codes, or patterns, that give a record this label, those of its parts too."""
        parts = np.flatnonzero(self.parts[self.column[self.known(label)]])
        return frozenset().union(*(getattr(self.labels[self.names[p]], vocabulary) for p in parts))

    def meaning(self, codes: Sequence[str], vocabulary: str) -> tuple[np.ndarray, np.ndarray]:
        """Return which labels each code gives for certain, and which it only hedges.

        Returns
        -------
        certain, hedged : ndarray of bool, shape (codes, labels)
        """
        own = np.zeros((2, len(codes), len(self.names)), bool)
        for row, code in enumerate(codes):
            if vocabulary == "mimic":
                for label, certain in self.reader.read(code).items():
                    own[0 if certain else 1, row, self.column[label]] = True
            else:
                own[0, row, self._columns_of_codes[vocabulary].get(code, [])] = True
        certain, hedged = own @ self.parts.T
        return certain, hedged

    @cached_property
    def _columns_of_codes(self) -> dict[str, dict[str, list[int]]]:
        """The columns of the labels that name a code themselves, by vocabulary and code."""
        columns: dict[str, dict[str, list[int]]] = {"scp": {}, "snomed": {}}
        for vocabulary, by_code in columns.items():
            for name, label in self.labels.items():
                for code in getattr(label, vocabulary):
                    by_code.setdefault(code, []).append(self.column[name])
        return columns

    def _label(self, name: str, entry: dict) -> Label:
        where = f"{self.source}: labels: {name}"
        if not re.fullmatch(r"\w+", str(name)):
            raise LabelError(where, repr(name), "letters, digits and _: it names files too")
        _check_keys(entry, [field.name for field in fields(Label)], where)
        if not isinstance(entry.get("name"), str):
            raise LabelError(where, "no name", "its name in words")
        lists = {key: tuple(map(str, value)) for key, value in entry.items() if key != "name"}
        return Label(entry["name"], **lists)

    def _closure(self) -> np.ndarray:
        """Return which labels (columns) are parts of which (rows): itself, and parts of parts."""
        parts = np.eye(len(self.names), dtype=bool)
        for name, label in self.labels.items():
            for part in label.any_of:
                parts[self.column[name], self.column[self.known(part, f"{name}: any_of")]] = True
        while (deeper := parts @ parts).sum() > parts.sum():
            parts = deeper
        circle = (parts & parts.T).sum(axis=0) > 1
        if circle.any():
            names = ", ".join(self.names[k] for k in np.flatnonzero(circle))
            raise LabelError(self.source, f"labels that are parts of each other: {names}", "none")
        return parts

    def _task(self, name: str, entry: dict) -> Task:
        where = f"{self.source}: tasks: {name}"
        if isinstance(entry, dict) and "joins" in entry:
            return self._joined(name, entry, where)
        _check_keys(entry, ["about", "labels", "groups", "population"], where)
        groups = {group for label in self.labels.values() for group in label.groups}
        for group in entry.get("groups", ()):
            if group not in groups:
                mend = did_you_mean(group, groups)
                raise LabelError(where, f"no group {group!r}", "a group of labels", mend)
        chosen = set(entry.get("groups", ()))
        collected = (label for label, e in self.labels.items() if chosen & set(e.groups))
        labels = (*entry.get("labels", ()), *collected)
        population = entry.get("population", ())
        population = labels if population == "labels" else tuple(population)
        for label in labels + population:
            self.known(label, f"tasks: {name}")
        if not labels or len(set(labels)) < len(labels):
            raise LabelError(
                where, f"the labels {', '.join(labels) or 'none'}", "labels, each once"
            )
        return Task(name, labels, population)

    def _joined(self, name: str, entry: dict, where: str) -> Task:
        _check_keys(entry, ["about", "joins"], where)
        for other in entry["joins"]:
            if other not in self.tasks:
                mend = did_you_mean(other, self.tasks)
                raise LabelError(where, f"no task {other!r}", "a task that stands before it", mend)
        parts = tuple(self.tasks[other] for other in entry["joins"])
        labels = tuple(dict.fromkeys(label for part in parts for label in part.labels))
        for part in parts:
            # Who takes part is then told by the joined task's own labels.
            if not set(part.population) <= set(labels):
                found = f"{part.name}, whose population has other labels than the joined tasks"
                raise LabelError(where, found, "tasks whose populations are among their labels")
        population = tuple(dict.fromkeys(label for part in parts for label in part.population))
        everyone = any(not part.population for part in parts)
        return Task(name, labels, () if everyone else population, parts)


def _check_keys(entry: object, known: Sequence[str], where: str) -> None:
    """Refuse an entry with an unknown key, or with text where a list belongs."""
    if not isinstance(entry, dict):
        raise LabelError(where, repr(entry), f"a mapping with {', '.join(known)}")
    for key, value in entry.items():
        if key not in known:
            raise LabelError(where, f"key {key!r}", "a known key", did_you_mean(key, known))
        if key not in ("name", "about") and value != "labels" and not isinstance(value, list):
            raise LabelError(f"{where}: {key}", repr(value), "a list")


@cache
def tables() -> Tables:
    """Return the house's labels.yaml."""
    return Tables(yaml.safe_load(files("ecglens").joinpath("labels.yaml").read_text("utf-8")))
