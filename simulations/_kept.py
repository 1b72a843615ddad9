"""Runs that are kept: each in a process of its own, its result in a file whose name is a hash of all it depends on."""

import hashlib
import inspect
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from qtheory._files import plain, replace
from qtheory.progress import terminal

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("qtheory/networks/*.py", "qtheory/methods.py", "qtheory/surrogates/*.py", "qtheory/quantization_network.py")
SOURCES += tuple(f"qtheory/core/{m}.py" for m in ("network", "steps", "rounding", "random", "surrogates"))

Case = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """The results of one figure's runs, in results/`stem`.

    Arguments:
        stem: of the figure.
        run: a function at a module's top level, of a case (numbers and text), that returns its result.
        code: functions and classes of the script that `run` needs: their change makes a result stale, as does that of
            the files in SOURCES.
        constants: likewise.
    """

    stem: str
    run: Callable[[Case], dict[str, Any]]
    code: tuple[Any, ...]
    constants: tuple[Any, ...] = ()

    @cached_property
    def digest(self) -> str:
        """A hash of all sources."""
        found = hashlib.sha256("".join(map(inspect.getsource, self.code)).encode())
        found.update(json.dumps(self.constants, sort_keys=True).encode())
        for path in sorted({p for pattern in SOURCES for p in ROOT.glob(pattern) if p.is_file()}):
            found.update(path.read_bytes())
        return found.hexdigest()

    def place(self, case: Case) -> Path:
        """Where a case's result is kept."""
        key = json.dumps([case, self.digest], sort_keys=True)
        return ROOT / "results" / self.stem / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"

    def result(self, case: Case) -> dict[str, Any]:
        """A result that is there."""
        return json.loads(self.place(case).read_text(encoding="utf-8"))

    def finish(self, cases: Sequence[Case], title: str) -> None:
        """Run every case that has no result yet, in as many processes as there are cores."""
        left = [case for case in cases if not self.place(case).is_file()]
        if not left:
            return
        done, context = len(cases) - len(left), multiprocessing.get_context("spawn")
        with (
            terminal(f"{title}, {len(left)} runs") as bar,
            ProcessPoolExecutor(min(os.cpu_count() or 1, len(left)), context, _finish_what_is_begun) as pool,
        ):
            waiting = [pool.submit(_keep, self.run, case, self.place(case)) for case in left]
            try:
                for k, future in enumerate(as_completed(waiting), 1):
                    future.result()
                    bar((done + k) / len(cases))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _keep(run: Callable[[Case], dict[str, Any]], case: Case, path: Path) -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        result = run(case)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(plain(result, path.stem)).encode())


def _finish_what_is_begun() -> None:
    """Ctrl-C reaches the whole group of processes: the first one then starts no more runs, the others end theirs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
