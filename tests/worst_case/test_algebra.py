from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory._check import rational
from qtheory.worst_case._algebra import Expression, Vector
from qtheory.worst_case._world import ZERO, World, mean

VECTORS = np.random.default_rng(0).integers(-3, 4, (4, 3))
GRAM = VECTORS @ VECTORS.T

fractions = st.fractions(min_value=-5, max_value=5, max_denominator=64)
vectors = st.dictionaries(st.integers(0, 3), fractions, max_size=4).map(Vector)


def known(v):
    """The vector, as exact numbers."""
    return sum((a * VECTORS[i].astype(object) for i, a in v.terms.items()), np.zeros(3, object))


def exact(expression):
    return sum(a * (1 if key == () else int(GRAM[key])) for key, a in expression.terms.items())


@given(vectors, vectors, fractions)
def test_vectors_are_combinations(x, y, a):
    assert (known(x + y) == known(x) + known(y)).all()
    assert (known(x - y) == known(x) - known(y)).all()
    assert (known(a * x) == a * known(x)).all()
    assert (known(mean([x, y, x])) == (2 * known(x) + known(y)) / Fraction(3)).all()


@given(vectors, vectors, fractions)
def test_inner_products(x, y, a):
    assert exact(x @ y) == known(x) @ known(y)
    assert exact(x.squared()) == known(x) @ known(x) == exact(x @ x)
    assert exact(a * (x @ y) + y.squared() - 7) == a * (known(x) @ known(y)) + known(y) @ known(y) - 7
    assert (x @ y).at(GRAM, np.zeros(0)) == pytest.approx(float(known(x) @ known(y)), rel=1e-12, abs=1e-12)


@given(vectors, vectors)
def test_what_cancels_is_gone(x, y):
    assert not ((x + y) - y - x).terms
    assert not (x @ y - y @ x).terms
    assert not ((x + y).squared() - x.squared() - 2 * (x @ y) - y.squared()).terms


def test_a_matrix_that_is_another_gives_another_value():
    x = Vector({0: Fraction(1), 1: Fraction(-1, 3)})
    other = GRAM.copy()
    other[0, 1] += 1
    assert x.squared().at(other, np.zeros(0)) != x.squared().at(GRAM, np.zeros(0))


def test_a_zero_mean_vector_is_orthogonal_to_all_before_it_and_to_none_after():
    world = World()
    a, r, b = world.vector("a", 1), world.zero_mean("r", 1), world.vector("b", 1)
    assert world.absent == {(0, 1)}
    assert set(world.kept((a + r + b).squared()).terms) == {(0, 0), (1, 1), (2, 2), (0, 2), (1, 2)}


def test_what_says_nothing_is_not_required():
    world = World()
    a, r = world.vector("a", 1), world.zero_mean("r", 1)
    world.require("orthogonal", a @ r)
    world.require("nothing", ZERO @ a, 3)
    assert not world.required
    world.require("something", a @ a, 3)
    assert [r.left.terms for r in world.required] == [{(0, 0): Fraction(1), (): Fraction(-3)}]


@pytest.mark.parametrize(
    ("value", "expected"), [(0.1, Fraction(1, 10)), (Fraction(1, 3), Fraction(1, 3)), (2, 2), (np.int64(2), 2)]
)
def test_a_number_is_what_it_prints_as(value, expected):
    assert rational("x", value) == expected
    assert type(rational("x", value)) is Fraction


@pytest.mark.parametrize(
    "value", [True, np.True_, "1", b"1", None, 1j, np.nan, np.inf, -np.inf, 10**400, Fraction(10) ** 400, [1.0]]
)
def test_what_is_not_a_number_is_named(value):
    with pytest.raises(ValueError, match="kappa must be"):
        rational("kappa", value)


def test_limits_are_named():
    with pytest.raises(ValueError, match=r"G must be greater than 0, got 0"):
        rational("G", 0, above=0)
    with pytest.raises(ValueError, match=r"mu must be at least 0, got Fraction\(-1, 2\)"):
        rational("mu", Fraction(-1, 2), least=0)


def test_expressions_of_constants():
    assert Expression.of(0).terms == {}
    assert Expression.of(Fraction(1, 2)).terms == {(): Fraction(1, 2)}
