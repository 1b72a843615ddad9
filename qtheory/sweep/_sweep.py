"""Sweep: the results of tasks, kept in files."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._check import count, number
from .._files import plain, replace
from ..progress import terminal
from ._names import Settings, digest, identity, settings_of, text
from ._workers import computed


@dataclass(frozen=True)
class Sweep:
    """A function of settings, and where its results are kept.

    Arguments
        name: of the folder of results: letters, digits, "_", "-", ".".
        function: settings (a dict) -> mapping from names to finite numbers, or lists of them. It stands at the top
            level of a module or script, depends on nothing but its argument, and draws from `derived_seed(settings)`.
        version: changed whenever the function would answer otherwise; `fingerprint` makes one from source files.
        folder: where the folder of results is made.
        memory: settings -> bytes that one task needs, or None if that is small.
        memory_limit: bytes that one task may need.
        divisible: the setting, a positive integer, that `memory` grows with and that one may divide among tasks; it
            only serves the error message.

    Errors raised
        ValueError: a bad name, version, function, folder or limit.
    """

    name: str
    function: Callable[[Settings], Mapping[str, Any]]
    version: str
    folder: str | os.PathLike[str] = "results"
    memory: Callable[[Settings], float] | None = None
    memory_limit: float = math.inf
    divisible: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", self.name):
            raise ValueError(f"name={self.name!r}: expected letters, digits, '_', '-' and '.' only")
        if not isinstance(self.version, str) or not self.version:
            raise ValueError(f"version={self.version!r}: expected a text that is not empty")
        if self.memory_limit != math.inf:
            number("memory_limit", self.memory_limit, above=0.0)
        identity(self.function)
        if not isinstance(self.folder, str | os.PathLike):
            raise ValueError(f"folder={self.folder!r}: expected a path")
        if self.memory is not None and not callable(self.memory):
            raise ValueError(f"memory={self.memory!r}: expected a function of settings, or None")

    def path(self, task: Mapping[str, Any]) -> Path:
        """The file that holds, or will hold, the result of a task."""
        return self._path(settings_of(task))

    def load(self, task: Mapping[str, Any]) -> dict[str, Any] | None:
        """The kept result of a task; None if there is none, or only a file that is damaged or another task's."""
        settings = settings_of(task)
        try:
            record = json.loads(self._path(settings).read_bytes())
            checksum = record.pop("checksum")
            expected = self._key(settings) | {"result": dict(record["result"])}
            if text(record) == text(expected) and checksum == digest(record):
                return dict(record["result"])
        except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):  # absent, or not a record
            pass
        return None

    def run(
        self, tasks: Iterable[Mapping[str, Any]], *, jobs: int = 1, cluster: str | None = None, progress: bool = True
    ) -> list[dict[str, Any]]:
        """The results of all tasks, in their order; those that have no result yet are computed and kept.

        Arguments
            jobs: processes on this machine; 1 computes in this one, -1 takes as many as there are cores.
            cluster: address of a Dask scheduler, such as "tcp://10.0.0.1:8786", whose workers can import the function;
                `jobs` then plays no part.
            progress: whether a terminal shows how far it is.

        Errors raised
            ValueError: settings or a result that JSON cannot hold, a task beyond the memory limit, bad jobs or cluster.
            ImportError: a cluster is named and the package `distributed` is missing.   OSError: the cluster or the
            folder cannot be reached.   What the function raises is raised, with a note of the task. Whatever is raised,
            Ctrl-C included, finished results are kept.
        """
        every = [settings_of(task) for task in tasks]
        if not (isinstance(jobs, int) and jobs == -1):
            jobs = count("jobs", jobs)
        for settings in every:
            self._check_memory(settings)
        missing = {text(s): s for s in every if self.load(s) is None}
        if missing:
            self._path(every[0]).parent.mkdir(parents=True, exist_ok=True)
            show = terminal(f"{self.name}, {len(missing)} tasks") if progress else nullcontext(lambda share: None)
            with show as bar:
                ready = computed(self.function, list(missing.values()), jobs, cluster)
                for done, (settings, result) in enumerate(ready, 1):
                    self._keep(settings, result)
                    bar(done / len(missing))
        return self.results(every)

    def results(self, tasks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The kept results of all tasks, in their order. Raises: ValueError if one has no result yet."""
        found = []
        for task in tasks:
            result = self.load(task)
            if result is None:
                raise ValueError(f"task {text(settings_of(task))} of sweep {self.name} has no result: run it first")
            found.append(result)
        return found

    def assemble(self, tasks: Sequence[Mapping[str, Any]], path: str | os.PathLike[str] | None = None) -> Path:
        """Write all settings and results, in the order of the tasks, into one file: <folder>/<name>.json by default.

        Errors raised: ValueError if a task has no result yet; OSError if the file cannot be written.
        """
        rows = [
            {"settings": settings_of(task), "result": result}
            for task, result in zip(tasks, self.results(tasks), strict=True)
        ]
        head = {"sweep": self.name, "function": identity(self.function), "version": self.version}
        target = Path(path) if path is not None else Path(self.folder, f"{self.name}.json")
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(text(row) for row in rows)
        replace(target, f'{text(head)[:-1]},"tasks":[\n{lines}\n]}}\n'.encode())
        return target

    def _key(self, settings: Settings) -> dict[str, Any]:
        return {"function": identity(self.function), "version": self.version, "settings": settings}

    def _path(self, settings: Settings) -> Path:
        return Path(self.folder, self.name, f"{digest(self._key(settings))[:32]}.json")

    def _keep(self, settings: Settings, result: Mapping[str, Any]) -> None:
        if not isinstance(result, Mapping):
            raise ValueError(f"result of task {text(settings)} is {result!r}: expected a mapping of numbers")
        record = self._key(settings) | {"result": plain(result, f"result of task {text(settings)}: ")}
        replace(self._path(settings), (text(record | {"checksum": digest(record)}) + "\n").encode())

    def _check_memory(self, settings: Settings) -> None:
        if self.memory is None or (needed := self.memory(settings)) <= self.memory_limit:
            return
        raise ValueError(
            f"task {text(settings)} needs {_bytes(needed)} of memory, memory_limit is {_bytes(self.memory_limit)}: "
            f"{self._advice(settings)}"
        )

    def _advice(self, settings: Settings) -> str:
        """How to divide a task that is too large."""
        whole = settings.get(self.divisible) if self.divisible is not None else None
        if self.memory is None or self.divisible is None or not isinstance(whole, int):
            return "expected smaller tasks or a higher limit"
        fits, low, high = 0, 1, whole
        while low <= high:
            middle = (low + high) // 2
            if self.memory(settings | {self.divisible: middle}) <= self.memory_limit:
                fits, low = middle, middle + 1
            else:
                high = middle - 1
        if fits == 0:
            return f"even {self.divisible} = 1 exceeds it; expected a higher limit"
        return f"expected its {self.divisible} = {whole} divided into {-(-whole // fits)} tasks of at most {fits} each"


def _bytes(size: float) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**28 else f"{size / 2**20:.2f} MiB"
