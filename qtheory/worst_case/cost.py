"""How long a worst case takes to be solved, and whether its numbers are within reach, before it is tried."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from .. import _check
from ..schedules import Constant
from .program import Program

SPEED = 2.5e-9  # seconds for a requirement and a squared number of unknowns, on two cores that others use too
YEAR = 365.25 * 86400
TOO_FAR = "the program's constants must be nearer to 1: choose other units of w and F"


@contextmanager
def in_range() -> Iterator[None]:
    """ValueError where constants are beyond all floating-point numbers."""
    try:
        yield
    except OverflowError:
        raise ValueError(TOO_FAR) from None


@in_range()
def seconds(program: Program) -> float:
    """About how long `solve` takes on two cores that others use too, from measurements; infinite beyond all floats."""
    return _cost(program)(program.horizon)


@in_range()
def require_affordable(program: Program, patience: float) -> None:
    """Raises: ValueError where `solve` would take longer than `patience` seconds, with how long, and what to lower."""
    patience = _check.number("patience", patience, above=0)
    cost, horizon = _cost(program), program.horizon
    about = cost(horizon)
    if about <= patience:
        return
    low, high = 1, horizon
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) <= patience else (low, middle)
    if about < YEAR:
        duration, allow = f"{about:.0f} s", f", or allow it by patience={math.ceil(about)}"
    else:
        duration, allow = (f"{about / YEAR:.1g} years" if about < math.inf else "for ever"), ""
    raise ValueError(
        f"horizon must be about {low} or less for a patience of {patience:g} s, got {_short(horizon)}, which would "
        f"take about {duration}: lower it, choose domain 'start', measure 'average point' or no noise{allow}"
    )


def _cost(program: Program) -> Callable[[int], float]:
    """Seconds by the horizon: an iteration costs the requirements times the square of the unknowns, and both are
    quadratic in the horizon."""
    small = [_counts(program, horizon) for horizon in (4, 5, 6)]
    often = SPEED * (2 if _counts(program, 2)[2] else 1)

    def at(horizon: int) -> float:
        rows, unknowns = (_quadratic([counts[k] for counts in small], horizon - 4) for k in (0, 1))
        try:
            return 0.5 + often * float(rows * unknowns**2)
        except OverflowError:
            return math.inf

    return at


def _counts(program: Program, horizon: int) -> tuple[int, int, bool]:
    """(requirements, unknowns, whether there are roots)."""
    world, _ = replace(program, horizon=horizon, schedule=Constant(1)).world()
    n = len(world.names)
    roots = any(r.under is not None for r in world.required)
    return len(world.required), n * (n + 1) // 2 - len(world.absent) + len(world.values), roots


def _quadratic(values: Sequence[int], at: int) -> int:
    """The quadratic that has these values at 0, 1 and 2."""
    a, b, c = values
    return a + at * (b - a) + at * (at - 1) // 2 * (c - 2 * b + a)


def _short(n: int) -> str:
    return str(n) if n < 10**15 else f"{float(n):.3g}" if n < 10**300 else "a number of more than 300 digits"
