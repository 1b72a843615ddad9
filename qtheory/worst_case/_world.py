"""A world of unknown vectors and function values, and what is required of them: the data of a semidefinite program."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ._algebra import Expression, Key, Vector

ZERO = Vector({})


@dataclass(frozen=True, eq=False)
class Required:
    """left <= 0; or, where `under` is given, left <= factor * sqrt(under)."""

    name: str
    left: Expression
    factor: Fraction = Fraction(0)
    under: Expression | None = None


@dataclass(eq=False)
class World:
    """What is unknown, in the order in which it becomes known: a zero-mean vector is orthogonal to all before it.

    names: of the vectors.   sizes: about how long they are, for the solver.   values: names of the function values.
    required: what holds of them.   absent: pairs (i, j), i < j, of vectors that are orthogonal in expectation.
    """

    names: list[str] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    value_sizes: list[float] = field(default_factory=list)
    required: list[Required] = field(default_factory=list)
    absent: set[Key] = field(default_factory=set)

    def vector(self, name: str, size: float) -> Vector:
        """A new vector."""
        self.names.append(name)
        self.sizes.append(float(size))
        return Vector({len(self.names) - 1: Fraction(1)})

    def zero_mean(self, name: str, size: float) -> Vector:
        """A new vector whose mean, given all that came before, is zero."""
        k = len(self.names)
        self.absent |= {(i, k) for i in range(k)}
        return self.vector(name, size)

    def value(self, name: str, size: float) -> Expression:
        """A new function value."""
        self.values.append(name)
        self.value_sizes.append(float(size))
        return Expression({(len(self.values) - 1,): Fraction(1)})

    def require(self, name: str, left: Expression, right: Expression | Fraction | int = 0) -> None:
        """left <= right, unless that says nothing."""
        kept = self.kept(left - right)
        if kept.parts.keys() - {()}:
            self.required.append(Required(name, kept))

    def require_root(self, name: str, left: Expression, factor: Fraction, under: Expression) -> None:
        """left <= factor * sqrt(under)."""
        self.required.append(Required(name, self.kept(left), factor, self.kept(under)))

    def kept(self, expression: Expression) -> Expression:
        """Without the inner products that are zero in expectation."""
        return expression.without(self.absent)


def mean(items: Iterable[Any]) -> Any:
    """The mean of vectors, or of expressions."""
    first, *others = items
    total = first
    for item in others:
        total = total + item
    return Fraction(1, 1 + len(others)) * total
