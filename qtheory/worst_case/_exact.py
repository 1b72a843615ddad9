"""A dual solution in floating point, made exact.

The multipliers are rounded, the function values' coefficients repaired, and the slack matrix pushed into the cone by a
small share of a dual point that lies inside; then integers prove it positive semidefinite. The sums are the checker's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..optimum import InaccurateSolve
from ._algebra import Expression, Key
from ._world import Required, World
from .solve import Solution, _Scaled

BITS = 60  # of a multiplier, relative to the value over the size of the premise
FACTOR_BITS = 54  # of the entries of the factor
INSIDE = 1e-2  # how far inside the cone the second program's dual point lies, as a share of the value
LOSS = 1e-5  # of the value, beyond which a proof is not worth having
SHARES = [Fraction(1, 2**k) for k in range(44, 12, -2)]  # of the point inside

Terms = dict[Any, Fraction]


@dataclass(frozen=True, eq=False)
class Proof:
    """multipliers: >= 0, by premise.   value: proved.   units, denominator, rows: as in `Certificate`."""

    multipliers: Mapping[str, Fraction]
    value: Fraction
    units: tuple[Fraction, ...]
    denominator: Fraction
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class _Dual:
    """Multipliers by premise, whose function values cancel exactly.

    terms: sum of multipliers times left, less the objective.   absent: (n, n) float, the entries of S that are free.
    """

    multipliers: Terms
    terms: Terms
    absent: NDArray[np.float64]

    def towards(self, inner: "_Dual", share: Fraction, keep: int) -> "_Dual":
        """self + share (inner - keep self)."""
        a, b = 1 - keep * share, share
        return _Dual(
            _mix(a, self.multipliers, b, inner.multipliers),
            _mix(a, self.terms, b, inner.terms),
            float(a) * self.absent + float(b) * inner.absent,
        )


def _mix(a: Fraction, x: Terms, b: Fraction, y: Terms) -> Terms:
    return {key: a * x.get(key, Fraction(0)) + b * y.get(key, Fraction(0)) for key in {**x, **y}}


def prove(solution: Solution, run: Any, names: Sequence[str]) -> Proof:
    """A proof of nearly the solution's value.

    Arguments:
        run: the checker's.
        names: (len(solution.required),), what the checker calls the premises.

    Raises: InaccurateSolve where no share of a point inside suffices that loses at most `LOSS` of the value.
    """
    half = np.log2(max(abs(solution.value), 1e-300)) / 2  # S is about the value over sizes squared
    units = [Fraction(2) ** round(np.log2(size) - half) for size in solution.world.sizes]
    outer = _exact_dual(solution, run, names, solution.multipliers, solution.slack)
    inner = _by_norms(solution, run, names, units)
    keep = int(inner is None)
    if inner is None:
        inner = _by_a_second_program(solution, run, names)
    most = Fraction(solution.value) + Fraction(LOSS * max(abs(solution.value), abs(solution.primal)))
    denominator = Fraction(2**FACTOR_BITS)
    for share in SHARES:
        found = outer.towards(inner, share, keep)
        value = -found.terms.get((), Fraction(0))
        rows = _factor(found, run, units) if value <= most else None
        if rows is not None and run.semidefinite(found.terms, units, denominator, rows):
            used = {name: m for name, m in found.multipliers.items() if m}
            return Proof(used, value, tuple(units), denominator, tuple(map(tuple, rows)))
    raise InaccurateSolve("no dual point near the solution could be proved: its multipliers are too inaccurate")


def _exact_dual(
    solution: Solution, run: Any, names: Sequence[str], multipliers: NDArray[np.float64], slack: NDArray[np.float64]
) -> _Dual:
    """Rounded multipliers, with the function values' coefficients repaired."""
    rounded = []
    for m, r in zip(multipliers.tolist(), solution.required, strict=True):
        step = Fraction(2) ** (
            math.floor(math.log2(max(abs(solution.value), 1e-300) / _size(r.left, solution.world))) - BITS
        )
        rounded.append(round(Fraction(max(m, 0.0)) / step) * step)
    _repair(solution.required, rounded, solution.objective)
    absent = np.zeros_like(slack)
    for i, j in solution.world.absent:
        absent[i, j] = absent[j, i] = slack[i, j]
    named = _named(names, rounded)
    return _Dual(named, run.total(named), absent)


def _size(left: Expression, world: World) -> float:
    """Of the largest term, roughly."""
    return max(
        abs(float(a)) * (world.value_sizes[key[0]] if len(key) == 1 else math.prod(world.sizes[i] for i in key))
        for key, a in left.terms.items()
    )


def _named(names: Sequence[str], multipliers: Sequence[Fraction]) -> Terms:
    named: Terms = {}
    for name, m in zip(names, multipliers, strict=True):
        if m:
            named[name] = named.get(name, Fraction(0)) + m
    return named


def _repair(required: Sequence[Required], multipliers: list[Fraction], objective: Expression) -> None:
    """Change multipliers so that the coefficients of the function values are those of the objective, and all >= 0.

    Each value F(x) is in a premise of its own alone with sign -1, F(x) >= F(w*), and in one with sign +1, so that
    either sign of an error is mended by raising one of the two. The least of several values is in premises that bound
    it, and is mended by the one with the largest multiplier.
    """
    lists = [{key[0]: a for key, a in r.left.terms.items() if len(key) == 1} for r in required]
    alone = {(k, a > 0): j for j, values in enumerate(lists) if len(values) == 1 for k, a in values.items()}
    error = {key[0]: a for key, a in objective.terms.items() if len(key) == 1}
    for m, values in zip(multipliers, lists, strict=True):
        for k, a in values.items() if m else ():
            error[k] = error.get(k, Fraction(0)) - m * a
    for k in [k for k in error if (k, True) not in alone]:
        j = max((j for j, values in enumerate(lists) if values.get(k) == 1), key=lambda j: multipliers[j])
        change = error[k]
        multipliers[j] += change
        for i, a in lists[j].items():
            error[i] = error.get(i, Fraction(0)) - change * a
    for k, e in error.items():
        if e:
            j = alone[k, e > 0]
            multipliers[j] += e / lists[j][k]
    if min(multipliers) < 0:
        raise InaccurateSolve("the multipliers are too far from a dual solution")


def _by_norms(solution: Solution, run: Any, names: Sequence[str], units: Sequence[Fraction]) -> _Dual | None:
    """The bounds of single vectors' norms, if there is one for every vector."""
    bounds: dict[Key, int] = {}
    for j, r in enumerate(solution.required):
        gram = [key for key in r.left.terms if key]
        if len(gram) == 1 and len(gram[0]) == 2 and r.left.terms[gram[0]] > 0:
            bounds[gram[0]] = j
    n = len(units)
    if any((i, i) not in bounds for i in range(n)):
        return None
    named: Terms = {}
    for i in range(n):
        j = bounds[i, i]
        named[names[j]] = 1 / units[i] ** 2 / solution.required[j].left.terms[i, i]
    return _Dual(named, run.total(named, objective=False), np.zeros((n, n)))


def _by_a_second_program(solution: Solution, run: Any, names: Sequence[str]) -> _Dual:
    """The dual point of the program that has a little of every |v|² added to its objective."""
    world, sizes = solution.world, np.array(solution.world.sizes)
    weights = INSIDE * max(abs(solution.value), 1e-300) / sizes**2
    squares = Expression({(i, i): Fraction(w) for i, w in enumerate(weights.tolist())})
    *_, multipliers, slack = _Scaled(world, solution.objective + squares).solve(solution.required)
    return _exact_dual(solution, run, names, multipliers, slack + np.diag(weights))


def _factor(dual: _Dual, run: Any, units: Sequence[Fraction]) -> list[list[int]] | None:
    """The rows of L, in integers, with S - L L' about half the least eigenvalue of S; None where that is not > 0."""
    n, scales = len(units), np.array([float(u) for u in units])
    S = dual.absent * np.outer(scales, scales)
    place = {name: i for i, name in enumerate(run.vectors)}
    for key, a in dual.terms.items():
        if isinstance(key, tuple) and key:
            i, j = sorted((place[key[0]], place[key[1]]))
            if i == j or run.vectors[j] not in run.fresh:
                S[i, j] = S[j, i] = float(a * units[i] * units[j] / (1 if i == j else 2))
    least = np.linalg.eigvalsh(S)[0]
    if not least > 0:
        return None
    try:
        L = np.linalg.cholesky(S - least / 2 * np.eye(n))
    except np.linalg.LinAlgError:
        return None
    return [[round(x * 2.0**FACTOR_BITS) for x in row[: i + 1]] for i, row in enumerate(L.tolist())]


def tangent(original: Required, replaced: Required) -> Fraction | None:
    """The m of left <= factor (under / m + m) / 2 that took the root's place."""
    if original.under is None:
        return None
    half, under = original.factor / 2, original.under.terms
    for key, a in under.items():
        if key and key not in original.left.terms:
            return -half * a / replaced.left.terms[key]
    # The constant c = -half (under / m + m) has two solutions, m and under / m, which say the same.
    c = (replaced.left.terms[()] - original.left.terms.get((), 0)) / half
    return (_root(c**2 - 4 * under[()]) - c) / 2


def _root(square: Fraction) -> Fraction:
    """Of the square of a fraction."""
    return Fraction(math.isqrt(square.numerator), math.isqrt(square.denominator))
