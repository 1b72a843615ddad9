"""optimum(problem): w* and F* with a certificate; lattice_optimum(problem, grid): the best point of a grid."""

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from . import _convex
from ._certificate import TOLERANCE, Certificate, certify, require_problem, strong_convexity
from ._check import Vector
from .problems import CustomProblem, LogisticRegression, Problem, Separable
from .quantizers import Grid

__all__ = ["Certificate", "InaccurateSolve", "Optimum", "certify", "lattice_optimum", "optimum", "solve"]

LATTICE_POINTS = 2**22  # that an enumeration may visit
_CHUNK = 2**22  # numbers that a chunk of an enumeration may hold
_ON_GRID = 1e-9  # in units of the grid's delta


class Optimum(NamedTuple):
    """w (d,), read-only: a minimiser of F on the domain. value: F* = F(w). certificate: why it is one."""

    w: Vector
    value: float
    certificate: Certificate


class InaccurateSolve(RuntimeError):
    """No point was found that may stand for a minimiser. `certificate` is the best one's, None where there is none."""

    def __init__(self, message: str, certificate: Certificate | None = None) -> None:
        super().__init__(message)
        self.certificate = certificate


class _Entry:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.optimum: Optimum | None = None


_KNOWN: WeakKeyDictionary[Problem, _Entry] = WeakKeyDictionary()  # problems are frozen and hash by identity
_KNOWN_LOCK = threading.Lock()


def optimum(problem: Problem) -> Optimum:
    """w* and F* on the problem's domain: by a formula where there is one, else by cvxpy (Clarabel) and Newton steps.

    A logistic regression with more than 2^18 entries in X goes to Newton's method at once. A custom problem without
    `minimiser` is searched by L-BFGS-B. Whatever the route, the certificate is computed from the point alone. Of
    several minimisers, an unconstrained linear model gets the one of least norm. The result is kept as long as the
    problem lives; threads that ask for the same one wait for each other.

    Raises:
        InaccurateSolve: the solver gave up, or the gap exceeds 1e-9 max(1, |F*|).
        ValueError: F has no minimiser (linear without a box; separable logistic data with l2 = 0 and no box), or a
            custom problem has neither `minimiser` nor a known mu > 0.
    """
    require_problem(problem)
    with _KNOWN_LOCK:
        entry = _KNOWN.setdefault(problem, _Entry())
    with entry.lock:
        if entry.optimum is None:
            entry.optimum = _find(problem)
        return entry.optimum


def solve(problem: Problem) -> Optimum:
    """The optimum by cvxpy and polishing, also where there is a formula: an independent check of the formula.

    Raises: InaccurateSolve as `optimum`; ValueError for no minimiser, or a problem that cvxpy cannot model
    (CubicPerturbed, CustomProblem).
    """
    require_problem(problem)
    if not _convex.has_model(problem):
        raise ValueError(f"problem must be one that cvxpy can model, got {type(problem).__name__}: use optimum")
    _convex.require_attained(problem)
    w, status = _convex.conic(problem)
    if w is None or status != "optimal":
        certificate = None if w is None else certify(problem, w)
        raise InaccurateSolve(
            f"{type(problem).__name__}: Clarabel ended {status!r}; {_residuals(certificate)}", certificate
        )
    return _accept(problem, _convex.polish(problem, w, _gap_of(problem)), "cvxpy with Clarabel, polished")


# --- finding a point


def _find(problem: Problem) -> Optimum:
    _convex.require_attained(problem)
    formula = problem.closed_form()
    if formula is not None:
        return _accept(problem, formula[0], "closed form", trusted=True)
    if not _convex.has_model(problem):
        return _search(problem)
    if isinstance(problem, LogisticRegression) and problem.X.size > _convex.LARGE:
        w = _convex.polish(problem, problem.project(np.zeros(problem.dim)), _gap_of(problem))
        return _accept(problem, w, "projected Newton")
    return solve(problem)


def _search(problem: Problem) -> Optimum:
    """L-BFGS-B, restarted while that helps; mu then certifies what it found."""
    if not strong_convexity(problem).value > 0:
        raise ValueError(
            "known must give a strong convexity constant mu > 0, or minimiser must give w*: "
            f"without either, no optimum of a {type(problem).__name__} can be certified"
        )
    from scipy.optimize import minimize

    w, gap = problem.project(np.zeros(problem.dim)), _gap_of(problem)
    bounds = None if problem.box is None else [problem.box] * problem.dim
    options = {"ftol": 0.0, "gtol": 1e-15, "maxiter": 10_000, "maxfun": 100_000, "maxcor": 30}
    settings = {"jac": problem.gradient, "method": "L-BFGS-B", "bounds": bounds, "options": options}
    for _ in range(5):
        found = minimize(lambda w: float(problem.value(w)), w, **settings)
        if not gap(problem.project(found.x)) < gap(w):
            break
        w = problem.project(found.x)
    return _accept(problem, w, "L-BFGS-B")


def _accept(problem: Problem, w: Vector, origin: str, *, trusted: bool = False) -> Optimum:
    """The point with its certificate, or InaccurateSolve. A `trusted` point may lack a proof, not contradict one."""
    w = np.array(w, dtype=np.float64)
    w.setflags(write=False)
    value, found = float(problem.value(w)), certify(problem, w)
    found = replace(found, how=f"{origin}; {found.how}")
    trusted = trusted and np.isfinite(value) and (found.gap == np.inf or _has_kinks(problem))
    if found.accurate(value) or (trusted and found.feasibility == 0):
        return Optimum(w, value, found)
    raise InaccurateSolve(
        f"{type(problem).__name__}: no optimum within {TOLERANCE:g} max(1, |F*|), F(w) = {value:.10g}; "
        f"{_residuals(found)}; {found.how}",
        found,
    )


def _has_kinks(problem: Problem) -> bool:
    unknown = isinstance(problem, CustomProblem) and problem.known is None
    return unknown or not np.isfinite(problem.constants.L.value)


def _residuals(c: Certificate | None) -> str:
    if c is None:
        return "it returned no point"
    return (
        f"gap <= {c.gap:.3g}, stationarity {c.stationarity:.3g}, feasibility {c.feasibility:.3g}, "
        f"complementarity {c.complementarity:.3g}"
    )


def _gap_of(problem: Problem) -> Callable[[Vector], float]:
    return lambda w: certify(problem, w).gap


# --- the best point of a grid


def lattice_optimum(problem: Problem, grid: Grid | float) -> tuple[Vector, float]:
    """(w, F(w)): a point w (d,) of the grid in the domain at which F is least.

    All points are visited; with a separable problem, the points of one coordinate after the other, and where there are
    too many or infinitely many of them those next to the minimiser, since each F_j is convex.

    Arguments:
        grid: the lattice, or its resolution Δ; held to the problem's box, whose faces need not lie on it.

    Raises: ValueError for a grid with no point in the domain, or, unless the problem is separable, with more than 2^22.
    """
    require_problem(problem)
    grid = Grid.of(grid)
    low, high = _index_range(problem, grid)
    if isinstance(problem, Separable):
        w = _coordinatewise(problem, grid, low, high)
    else:
        w = _enumerated(problem, grid, low, high)
    return w, float(problem.value(w))


def _index_range(problem: Problem, grid: Grid) -> tuple[float, float]:
    low, high = grid.index_range
    if problem.box is not None:
        faces = np.array(problem.box) / grid.delta - grid.offset
        slack = _ON_GRID * np.maximum(1.0, np.abs(faces))
        low, high = max(low, float(np.ceil(faces[0] - slack[0]))), min(high, float(np.floor(faces[1] + slack[1])))
    if low > high:
        raise ValueError(f"grid must have a point in the problem's box {problem.box}, got {grid}")
    return low, high


def _coordinatewise(problem: Separable, grid: Grid, low: float, high: float) -> Vector:
    d, bounded = problem.dim, math.isfinite(high - low)
    if bounded and (high - low + 1) * d <= LATTICE_POINTS:
        k = np.broadcast_to(np.arange(low, high + 1), (d, int(high - low) + 1))
    else:
        box = (float(grid.point(low)), float(grid.point(high))) if bounded else problem.box
        below = np.floor(optimum(replace(problem, box=box)).w / grid.delta - grid.offset)
        k = np.clip(below[:, None] + np.arange(-1, 3), low, high)  # one more to each side, against rounding
    return np.array([points[np.argmin(problem.term(j, points))] for j, points in enumerate(grid.point(k))])


def _enumerated(problem: Problem, grid: Grid, low: float, high: float) -> Vector:
    if not math.isfinite(high - low):
        raise ValueError("grid or problem must have a box to enumerate a lattice, got none")
    d, levels = problem.dim, grid.point(np.arange(low, high + 1))
    digits = d * math.log10(levels.size)
    if digits > 12 or levels.size**d > LATTICE_POINTS:
        total = f"about 10^{digits:.0f}" if digits > 12 else str(levels.size**d)
        raise ValueError(
            f"the lattice must have at most {LATTICE_POINTS} points, got {total}: {levels.size} levels in d = {d}"
        )
    total, shape = levels.size**d, (levels.size,) * d
    width = max(1, _CHUNK // max(d, len(getattr(problem, "X", ()))))
    best, least = levels[:1].repeat(d), np.inf
    for start in range(0, total, width):
        points = levels[np.stack(np.unravel_index(np.arange(start, min(start + width, total)), shape), axis=-1)]
        values = problem.value(points)
        i = int(np.argmin(values))
        if np.isnan(values[i]):
            raise ValueError(f"problem must have a value at each point of the lattice, got NaN at {points[i]}")
        if values[i] < least:
            best, least = points[i], values[i]
    return best
