import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.theorems import Verdict
from qtheory.theorems.jeong2025 import _finite
from qtheory.theorems.jeong2025._finite import FiniteCase, samples_last, samples_simple
from qtheory.theorems.jeong2025.last_iterate_simple import THEOREM
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(100, 2000), st.integers(0, 10**6), st.floats(0.001, 100))
def test_the_time_holds_on_drawn_data(n, samples, seed, step):
    case = FiniteCase(
        name="drawn", quantity="hit", n=n, samples=samples, data_seed=seed, step=step, starts=8, size=step
    )
    inside = case.pushes.epsilon_0 < 2 / n
    assert THEOREM.check(case).verdict == (Verdict.HOLDS if inside else Verdict.OUT_OF_SCOPE)


def test_the_time_is_measured_on_the_path():
    case = FiniteCase(name="x", quantity="hit", samples=4000, starts=6)
    bounds = np.full(6, 500.0)
    rows = _finite.rows_on(case.follow(502, paths=True), 502)
    there = rows == _finite.row_of(case.problem.teacher)
    assert there[:, -1].all()
    first = np.argmax(there, axis=1)
    assert _finite.first_visits(case, bounds).estimate == about(first.max() / 500)
    assert all(there[r, t:].all() for r, t in enumerate(first))  # for good


def test_a_run_that_does_not_arrive_counts_as_late():
    case = FiniteCase(name="x", quantity="hit", n=10, samples=15, starts=6)
    assert _finite.first_visits(case, np.full(6, 100.0)).low > 1
    leaving = FiniteCase(name="x", quantity="hit", samples=4000, starts=6, label_noise=1.0)
    assert _finite.first_visits(leaving, np.full(6, 500.0)).high < 1  # it was there; with label noise it may leave


def test_the_exponents():
    for needed, exponent in ((samples_simple, 4), (samples_last, 2.5)):
        sizes = np.array([1e3, 1e4]).astype(int)
        few, many = (needed(int(n), 0.1) for n in sizes)
        assert np.log(many / few) / np.log(10) == about(exponent, abs=0.02)
