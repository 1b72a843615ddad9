"""Vectors that are not known yet, and what is linear in their inner products: exact, in rational numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .. import _check

Key = tuple[int, ...]  # (): the number 1; (k,): function value k; (i, j), i <= j: the inner product of vectors i and j


def rational(name: str, value: Any, *, above: float | None = None, least: float | None = None) -> Fraction:
    """A real number as the fraction that it prints as: 0.1 is 1/10. Fractions and integers stay what they are."""
    if isinstance(value, Fraction | int | np.integer) and not isinstance(value, bool):
        _check.number(name, float(value), above=above, least=least)
        return Fraction(int(value)) if isinstance(value, np.integer) else Fraction(value)
    return Fraction(repr(_check.number(name, value, above=above, least=least)))


@dataclass(frozen=True, eq=False)
class Vector:
    """A combination of unknown vectors: coefficients by their indices."""

    terms: Mapping[int, Fraction]

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(_sum(self.terms, other.terms))

    def __sub__(self, other: "Vector") -> "Vector":
        return self + -1 * other

    def __rmul__(self, factor: Fraction | int) -> "Vector":
        return Vector({i: factor * a for i, a in self.terms.items() if factor})

    def __matmul__(self, other: "Vector") -> "Expression":
        """The inner product, in expectation."""
        terms: dict[Key, Fraction] = {}
        for i, a in self.terms.items():
            for j, b in other.terms.items():
                key = (i, j) if i <= j else (j, i)
                terms[key] = terms.get(key, Fraction(0)) + a * b
        return Expression({key: a for key, a in terms.items() if a})


@dataclass(frozen=True, eq=False)
class Expression:
    """A number that is linear in function values and inner products: coefficients by `Key`."""

    terms: Mapping[Key, Fraction]

    @classmethod
    def of(cls, value: "Expression | Fraction | int") -> "Expression":
        """Itself, or a constant."""
        return value if isinstance(value, Expression) else cls({(): Fraction(value)} if value else {})

    def __add__(self, other: "Expression | Fraction | int") -> "Expression":
        return Expression(_sum(self.terms, Expression.of(other).terms))

    def __sub__(self, other: "Expression | Fraction | int") -> "Expression":
        return self + -1 * Expression.of(other)

    def __rmul__(self, factor: Fraction | int) -> "Expression":
        return Expression({key: factor * a for key, a in self.terms.items() if factor})

    def at(self, gram: np.ndarray, values: np.ndarray) -> float:
        """Its value for inner products (n, n) and function values (k,)."""
        total = 0.0
        for key, a in self.terms.items():
            total += float(a) * (1.0 if key == () else values[key[0]] if len(key) == 1 else gram[key])
        return total


def _sum(a: Mapping, b: Mapping) -> dict:
    total = dict(a)
    for key, value in b.items():
        total[key] = total.get(key, Fraction(0)) + value
        if not total[key]:
            del total[key]
    return total
