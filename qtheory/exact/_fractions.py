"""The law of one coordinate in exact fractions: short runs, nothing cut off."""

from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np

from ._coordinate import RationalCoordinate
from ._moves import OnGrid, transitions

Law = dict[int, Fraction]


def fraction_law(
    coordinate: RationalCoordinate, moves: OnGrid, start: float, alphas: list[Fraction], steps: int, marks: Any
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], int]:
    """The same as `window_law`: (results (m, 8) of Fractions, the law of w_T, 0)."""
    law, out, t = _Law(coordinate, moves, moves.state(start)), [], 1
    wanted = set(marks.tolist())
    while True:
        if t in wanted:
            out.append(law.observe(t, alphas[t - 1] if t <= len(alphas) else None))
        if t == steps:
            break
        law.step(alphas[t - 1])
        t += 1
    indices = sorted(law.mass)
    final = np.array(indices), np.array([law.mass[k] for k in indices], dtype=object)
    return np.array(out, dtype=object), final, 0


class _Law:
    def __init__(self, coordinate: RationalCoordinate, moves: OnGrid, k: int) -> None:
        self.coordinate, self.moves = coordinate, moves
        self.mass: Law = {k: Fraction(1)}
        self.weighted: Law = {k: Fraction(0)}  # E[S_t; state k], S_t = sum_{s<=t} (w_s - w*)
        self.occupation: Law = defaultdict(Fraction)
        self.square = Fraction(0)  # E S_t^2
        self._arrive()

    def step(self, alpha: Fraction) -> None:
        states = list(self.mass)
        mass, weighted = defaultdict(Fraction), defaultdict(Fraction)
        for x, ways in zip(states, transitions(self.coordinate, self.moves, states, alpha), strict=True):
            for y, chance in ways:
                mass[y] += self.mass[x] * chance
                weighted[y] += self.weighted[x] * chance
        self.mass, self.weighted = mass, weighted
        self._arrive()

    def _arrive(self) -> None:
        for k, p in self.mass.items():
            e = self._offset(k)
            self.square += e * (2 * self.weighted[k] + e * p)
            self.weighted[k] += e * p
            self.occupation[k] += p

    def _offset(self, k: int) -> Fraction:
        return self.moves.weight(k) - self.coordinate.star

    def observe(self, t: int, alpha: Fraction | None) -> list:
        """The columns of the kernel's results."""
        states = list(self.mass)
        points = [self.moves.weight(k) for k in states]
        gaps, outcomes = self.coordinate.excess(points), self.coordinate.outcomes(points)
        p = [self.mass[k] for k in states]
        squares = [sum(q * g * g for g, q in ways) for ways in outcomes]
        absolutes = [sum(q * abs(g) for g, q in ways) for ways in outcomes]
        seen = list(self.occupation)
        return [
            _dot(p, gaps),
            _dot(p, [self._offset(k) ** 2 for k in states]),
            _dot(p, squares),
            _dot(p, absolutes),
            _dot(self.occupation.values(), self.coordinate.excess([self.moves.weight(k) for k in seen])) / t,
            _dot(self.occupation.values(), [self._offset(k) for k in seen]) / t,
            self.square / t**2,
            float("nan") if alpha is None else _dot(p, self._errors(states, outcomes, alpha)),
        ]

    def _errors(self, states: list[int], outcomes: list, alpha: Fraction) -> list[Fraction]:
        rounding = self.moves.rounding
        return [
            sum(q * rounding.error(k, -alpha * g * rounding.inverse) for g, q in ways)
            for k, ways in zip(states, outcomes, strict=True)
        ]


def _dot(a: Any, b: Any) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))
