"""What `qtheory certify` does, without printing."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import _check, progress
from .certificate import Certificate, certify, decimal
from .cost import seconds
from .program import Program
from .solve import solve

TICK = 0.25  # seconds between two movements of the bar


def stated(theorem: Any, horizon: int, *, kappa: float, c: float, measure: str) -> tuple[Program, float | None]:
    """The program of a theorem, and its bound where it speaks of the measure. Raises: ValueError where it has none."""
    _check.count("horizon", horizon)
    if not hasattr(theorem, "worst_case"):
        raise ValueError(f"{theorem.id} has no worst-case program: convex convergence theorems of li2017 have one")
    program = theorem.worst_case(horizon, kappa=kappa, c=c, measure=measure)
    if c != 1 and program.schedule == theorem.worst_case(horizon, kappa=kappa, measure=measure).schedule:
        raise ValueError(f"c must be 1, since {theorem.id} has a schedule of its own, {program.schedule}, got {c:g}")
    return program, None if measure == "last" else float(theorem.worst_bound(horizon, kappa=kappa, c=c))


def certified(program: Program, path: Path, *, patience: float, quiet: bool = False) -> dict[str, Any]:
    """Solve and certify a program, write the certificate, read it back and verify what was written.

    Raises: ValueError and InaccurateSolve as `solve` and `certify`; ValueError where the file cannot be written.
    """
    with _ticking(f"worst case, T = {program.horizon}", seconds(program), quiet=quiet):
        solution = solve(program, patience=patience)
        certificate = certify(solution)
        certificate.save(path)
        theorem = Certificate.load(path).theorem()
    return {
        "certified": decimal(certificate.value),
        "fraction": str(certificate.value),
        "solver": solution.value,
        "attained": program.exact,
        "theorem": theorem,
        "file": str(path),
    }


def file_name(theorem: str, horizon: int, *, kappa: float, c: float, measure: str) -> str:
    """Another for every program."""
    return f"{theorem}_T{horizon}_kappa{_whole(kappa)}_c{_whole(c)}_{measure}.json".replace("/", "_").replace(" ", "_")


def _whole(x: float) -> str:
    """With all digits."""
    return repr(float(x)).removesuffix(".0")


def lines(said: dict[str, Any]) -> str:
    """The same for a reader."""
    kind = "and some F attains it" if said["attained"] else "of a relaxation: no F need attain it"
    rows = [
        f"{said['id']}, T = {said['horizon']}, kappa = {_whole(said['kappa'])}, c = {_whole(said['c'])}: "
        f"{said['measure']}",
        f"  certified  {said['certified']}  rounded up; {kind}",
        f"  solver     {said['solver']:.9f}  in floating point",
    ]
    if said["bound"] is not None:
        rows.append(f"  bound      {said['bound']:.9f}  the theorem's")
    return "\n".join([*rows, f"  written    {said['file']}", said["theorem"]])


@contextmanager
def _ticking(label: str, estimate: float, *, quiet: bool) -> Iterator[None]:
    """A bar that moves with the clock, since the solver does not say how far it is."""
    if quiet:
        yield
        return
    stop, begin = threading.Event(), time.monotonic()
    with progress.terminal(label) as update:

        def tick() -> None:
            while not stop.wait(TICK):
                share = (time.monotonic() - begin) / (2 * estimate + 1)
                update(share / (1 + share))

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
