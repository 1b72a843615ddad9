"""propagate: the law of the iterates of R and SR, moved forward exactly."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from ..methods import SR, R
from ..problems import Problem
from ..schedules import Schedule
from ..simulate import record_steps
from ._coordinate import Coordinate, coordinates, require_finite, step_sizes
from ._fractions import fraction_law
from ._moves import first_states, moves_of
from ._window import window_law


@dataclass(frozen=True)
class ExactLaw:
    """Expectations at the recorded steps. Arrays (m,), float64 or of Fractions; w̄_t is the mean of w_1, ..., w_t.

    steps: the recorded t.
    gap: E F(w_t) - F*.
    mean_gap: the mean of E F(w_s) - F* over s = 1..t. At least average_gap, by Jensen.
    lower_gap: F(E w̄_t) - F*. At most average_gap, by Jensen.
    average_gap: E F(w̄_t) - F* where the law gives it: F affine on the domain, or quadratic. Else NaN.
    distance: E|w_t - w*|^2.
    gradient_square, gradient_l1: E|g(w_t)|^2 and E|g(w_t)|_1 of the stochastic gradient.
    rounding_square: E|r_t|^2, where w_{t+1} = P(w_t - alpha_t g_t) + r_t and P holds to the box; NaN at t = T where a
        table of step sizes ends at T - 1.
    leaked: the probability that was cut off in the tails, over all steps and coordinates. A statistic misses at most
        its own values there, weighted with that probability.
    final: for each coordinate the law of w_T: (grid indices, probabilities).
    """

    steps: np.ndarray
    gap: np.ndarray
    mean_gap: np.ndarray
    lower_gap: np.ndarray
    average_gap: np.ndarray
    distance: np.ndarray
    gradient_square: np.ndarray
    gradient_l1: np.ndarray
    rounding_square: np.ndarray
    leaked: float
    final: list[tuple[np.ndarray, np.ndarray]]


def propagate(
    problem: Problem,
    method: R | SR,
    schedule: Schedule,
    *,
    steps: int,
    start: Any = None,
    record: Any = None,
    rational: bool = False,
    leak: float = 1e-12,
) -> ExactLaw:
    """The law of the iterates of R or SR on a separable problem, coordinate by coordinate, without sampling.

    Arguments:
        problem: separable, with noise whose law is known: NoNoise, Rademacher, OneBit, or (not rational) Gaussian.
        method: SR(grid) or R(grid). An unbounded grid is held on a window that follows the mass.
        steps: T, the number of iterates w_1, ..., w_T. Time goes like T times the levels that hold mass; coordinates
            with equal data and equal start are computed once.
        start: w_1, (d,); by default the one of `simulate`.
        record: the steps to record: an array of t, or how many log-spaced ones (50).
        rational: exact fractions of the numbers as they are stored (0.1 is the float64 nearest to 0.1), instead of
            float64; for short runs. Needs a SeparableQuadratic, Linear or AbsoluteValue, and InverseTime, Constant or
            a Table.
        leak: the probability that may be cut off in the tails, over all steps and coordinates: 0 <= leak < 1.

    Raises: ValueError naming the argument for anything unusable, and where the law spreads so far that `leak` cannot
        be kept.
    """
    steps = _check.count("steps", steps)
    if not isinstance(method, R | SR):
        raise ValueError(f"method must be SR(grid) or R(grid), whose iterates are on a grid, got {method!r}")
    leak = _check.number("leak", leak, least=0)
    if leak >= 1:
        raise ValueError(f"leak must be a probability below 1, got {leak:g}")
    parts = coordinates(problem, rational, one=False)
    if rational:
        require_finite(problem)
    marks = record_steps(record, steps)
    alphas = step_sizes(schedule, steps, rational)
    starts = first_states(problem, method, start)
    laws: dict[Hashable, Any] = {}
    keys = [(_data(problem, j), x) for j, x in enumerate(starts.tolist())]
    for part, key in zip(parts, keys, strict=True):
        if key not in laws:
            if rational:
                moves = moves_of(method, problem.box, part.number)
                law = fraction_law(part, moves, key[1], alphas, steps, marks)
            else:
                law = window_law(part, method, key[1], alphas, steps, marks, leak / problem.dim)
            laws[key] = *law, part
    return _combine(problem, marks, laws, keys)


def _data(problem: Problem, j: int) -> Hashable:
    """What tells coordinate j from the others: its entries in the arrays of the compiled objective."""
    arrays = problem.lower(np.float64)
    if all(isinstance(a, np.ndarray) and a.shape == (problem.dim,) for a in arrays):
        return tuple(float(a[j]) for a in arrays)
    return j


def _combine(problem: Problem, marks: np.ndarray, laws: dict, keys: list) -> ExactLaw:
    totals: Any = 0
    for key, (out, _, _, part) in laws.items():
        totals = totals + keys.count(key) * np.array(_columns(problem, part, out))
    leaked = sum(laws[key][2] for key in keys)
    return ExactLaw(marks, *totals, leaked=leaked, final=[laws[key][1] for key in keys])


def _columns(problem: Problem, part: Coordinate, out: np.ndarray) -> list[np.ndarray]:
    """The fields of ExactLaw that add up over coordinates, from the kernel's results."""
    gap, distance, square, absolute, mean_gap, offset, average_square, rounding = out.T
    lower = part.excess([part.star + e for e in offset])
    if problem.linear:
        average = mean_gap
    elif part.curvature is not None:  # F(w) - F* = F'(w*) e + curvature e^2 / 2: nothing cancels
        average = part.slope([part.star])[0] * offset + part.curvature * average_square / 2
    else:
        average = np.full_like(gap, np.nan)
    return [gap, mean_gap, lower, average, distance, square, absolute, rounding]
