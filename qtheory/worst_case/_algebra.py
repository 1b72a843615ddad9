"""Vectors that are not known yet, and what is linear in their inner products: exact, in rational numbers."""

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any, Self

import numpy as np

Key = tuple[int, ...]  # (): the number 1; (k,): function value k; (i, j), i <= j: the inner product of vectors i and j


class _Combination:
    """Rational coefficients by keys, as integers over one denominator: sums of many are then sums of integers."""

    def __init__(self, terms: Mapping[Any, Fraction]) -> None:
        self.over = math.lcm(*(a.denominator for a in terms.values()))
        self.parts = {key: a.numerator * (self.over // a.denominator) for key, a in terms.items() if a}

    @classmethod
    def _of(cls, parts: dict[Any, int], over: int) -> Self:
        new = cls.__new__(cls)
        new.parts, new.over = parts, over
        return new

    @cached_property
    def terms(self) -> Mapping[Any, Fraction]:
        """The coefficients that are not zero."""
        return {key: Fraction(a, self.over) for key, a in self.parts.items()}

    def floats(self) -> Mapping[Any, float]:
        """The same, to the nearest float64 each."""
        return {key: a / self.over for key, a in self.parts.items()}

    def _plus(self, other: "_Combination", sign: int) -> Self:
        over = math.lcm(self.over, other.over)
        a, b = over // self.over, sign * (over // other.over)
        total = dict(self.parts) if a == 1 else {key: a * part for key, part in self.parts.items()}
        for key, part in other.parts.items():
            found = total.get(key, 0) + b * part
            if found:
                total[key] = found
            else:
                total.pop(key, None)
        return self._of(total, over)

    def __rmul__(self, factor: Fraction | int) -> Self:
        p, q = factor.numerator, factor.denominator
        return self._of({key: p * a for key, a in self.parts.items()} if p else {}, q * self.over)


class Vector(_Combination):
    """A combination of unknown vectors: coefficients by their indices."""

    def __add__(self, other: "Vector") -> "Vector":
        return self._plus(other, 1)

    def __sub__(self, other: "Vector") -> "Vector":
        return self._plus(other, -1)

    def __matmul__(self, other: "Vector") -> "Expression":
        """The inner product, in expectation."""
        products: dict[Key, int] = {}
        for i, a in self.parts.items():
            for j, b in other.parts.items():
                key = (i, j) if i <= j else (j, i)
                products[key] = products.get(key, 0) + a * b
        return Expression._of({key: a for key, a in products.items() if a}, self.over * other.over)

    def squared(self) -> "Expression":
        """The inner product with itself."""
        items = sorted(self.parts.items())
        products: dict[Key, int] = {}
        for k, (i, a) in enumerate(items):
            products[i, i] = a * a
            for j, b in items[k + 1 :]:
                products[i, j] = 2 * a * b
        return Expression._of(products, self.over**2)


class Expression(_Combination):
    """A number that is linear in function values and inner products: coefficients by `Key`."""

    @classmethod
    def of(cls, value: "Expression | Fraction | int") -> "Expression":
        """Itself, or a constant."""
        return value if isinstance(value, Expression) else cls({(): Fraction(value)} if value else {})

    def __add__(self, other: "Expression | Fraction | int") -> "Expression":
        return self._plus(Expression.of(other), 1)

    def __sub__(self, other: "Expression | Fraction | int") -> "Expression":
        return self._plus(Expression.of(other), -1)

    def without(self, absent: set[Key]) -> "Expression":
        """Itself, where some inner products are zero."""
        return self._of({key: a for key, a in self.parts.items() if key not in absent}, self.over)

    def at(self, gram: np.ndarray, values: np.ndarray) -> float:
        """Its value for inner products (n, n) and function values (k,)."""
        return math.fsum(
            a * (1.0 if key == () else float(values[key[0]] if len(key) == 1 else gram[key]))
            for key, a in self.floats().items()
        )
