import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.theorems import Verdict
from qtheory.theorems.jeong2025 import _finite
from qtheory.theorems.jeong2025._finite import FiniteCase
from qtheory.theorems.jeong2025.last_iterate import THEOREM, latest
from qtheory.two_layer import TwoLayer
from tests.theorems.checks import about, shipped

NOISE = st.sampled_from([0.0, 0.25, 1.0])


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(40, 600), st.integers(0, 10**6), st.floats(0.001, 100), NOISE)
def test_the_times_hold_on_drawn_data(n, samples, seed, step, noise):
    for quantity in ("hit", "settled"):
        case = FiniteCase(
            name="drawn", quantity=quantity, n=n, samples=samples, data_seed=seed, step=step, starts=8, size=step,
            label_noise=noise,
        )  # fmt: skip
        inside = case.pushes.beta < 2 and (quantity == "hit" or case.pushes.epsilon_0 < 2)
        assert THEOREM.check(case).verdict == (Verdict.HOLDS if inside else Verdict.OUT_OF_SCOPE)


def test_beta_by_hand():
    # One feature, one sample z = 1, teacher +1: at q = -1 the residual is -1, g = -1, epsilon = 1/s - 2.
    problem = TwoLayer(np.ones((1, 1)), np.ones(1))
    assert _finite.perturbation(problem, 0.5) == about(np.array([[0.0], [0.0]]))
    known = _finite.pushes(problem, 2.0)  # epsilon = 1/2 - 2
    assert (known.beta, known.epsilon_0) == about((1.5, 1.5)) and known.beta > 1.5
    assert known.epsilon == about(np.array([[-1.5], [0.0]]))


def test_beta_lies_between_the_pushes():
    case = FiniteCase(name="x", quantity="hit", samples=300)
    known = case.pushes
    assert known.epsilon_0 / 6 <= known.beta <= 6 * known.epsilon_0
    d = (_finite.vertices(6) != case.problem.teacher).sum(axis=1)
    sums = np.maximum(-known.epsilon, 0).sum(axis=1)
    assert (sums <= known.beta * d).all() and (sums > (known.beta - 1e-6) * d)[d > 0].any()


def test_the_bounds_by_hand():
    case = FiniteCase(name="x", quantity="hit", start=[[-3.0] * 6], step=1.0, s=0.16, samples=4000)
    known, teacher = case.pushes, case.problem.teacher
    y = -3.0 * teacher / 0.16
    assert latest(case) == [np.floor((12 + np.maximum(-y, 0).sum()) / (2 - known.beta))]
    settled = FiniteCase(name="x", quantity="settled", start=[[-3.0] * 6], step=1.0, s=0.16, samples=4000)
    t0 = np.floor(3 / 0.16 / (2 - known.epsilon_0)) + 1
    assert latest(settled) == [t0 + np.floor((2 + known.epsilon_0) * 6 / (2 - known.beta))]


@pytest.mark.parametrize("seed", range(3))
def test_it_works_where_the_simple_condition_fails(seed):
    case = FiniteCase(name="x", quantity="hit", n=10, samples=1200, data_seed=seed)
    assert case.pushes.epsilon_0 > 2 / 10 and case.pushes.beta < 2
    assert THEOREM.check(case).verdict == Verdict.HOLDS
