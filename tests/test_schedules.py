"""Step sizes: the formulas, the same ones compiled, and what is refused."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.core.schedules import step_size
from qtheory.schedules import Constant, InverseSqrt, InverseTime, Table
from qtheory.testing import schedules

T = np.array([1, 2, 3, 100, 10**9])


@numba.njit
def compiled(schedule, t):
    return step_size(schedule, t)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (InverseTime(0.5), [1 / (0.5 * (t + 1)) for t in T]),
        (InverseSqrt(3), [3 / t**0.5 for t in T.tolist()]),
        (Constant(0.25), [0.25] * 5),
    ],
)
def test_formulas(schedule, expected):
    np.testing.assert_allclose(schedule(T), expected, rtol=1e-15)
    assert schedule(2) == pytest.approx(expected[1], rel=1e-15)


@given(schedules(steps=20), st.integers(1, 19))
def test_the_compiled_step_size_is_the_same(schedule, t):
    assert compiled(schedule.lower(), t) == pytest.approx(float(schedule(t)), rel=1e-15)


def test_a_table_is_a_copy_and_says_where_it_ends():
    values = np.array([0.3, 0.2, 0.0])
    table = Table(values)
    values[:] = 7
    assert table([1, 3]).tolist() == [0.3, 0.0]
    with pytest.raises(ValueError, match="the table has 3 values, step 4 was asked for"):
        table([1, 4])


@pytest.mark.parametrize("schedule", [InverseTime(1.0), InverseSqrt(1.0), Constant(1.0), Table([1.0])])
@pytest.mark.parametrize("t", [0, -1, [1, 0]])
def test_steps_count_from_1(schedule, t):
    with pytest.raises(ValueError, match="t counts from 1"):
        schedule(t)


@pytest.mark.parametrize(("kind", "name"), [(InverseTime, "mu"), (InverseSqrt, "c"), (Constant, "alpha")])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "greater than 0"), (-1.0, "greater than 0"), (np.nan, "finite"), (np.inf, "finite"), ("1", "a real number"),
        (1j, "a real number"), (None, "a real number"),
    ],
)  # fmt: skip
def test_bad_rates_are_refused(kind, name, value, message):
    with pytest.raises(ValueError, match=f"^{name} must be {message}, got "):
        kind(value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "values must not be empty"),
        ([0.1, -0.1], "values must not be negative, got -0.1"),
        ([0.1, np.nan], "values must be finite, got 1 NaN or infinite entries"),
        ([[0.1]], "values must have 1 dimension, got shape"),
        (0.1, "values must have 1 dimension"),
        (["a"], "values must be an array of real numbers"),
        ([1j], "values must be an array of real numbers"),
        (np.array([1 + 0j]), "values must be an array of real numbers, got dtype complex128"),
    ],
)
def test_bad_tables_are_refused(values, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Table(values)
