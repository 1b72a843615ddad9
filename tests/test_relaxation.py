"""The relaxation's bound lies below all signs, is exact where theory says so, and does not rest on the solver."""

import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory import relaxation as module
from qtheory.problems.ising import Ising
from qtheory.relaxation import dual_bound, relaxation_bound

instances = st.builds(Ising.random, st.integers(2, 12), st.integers(0, 10_000))


def all_equal(d):
    """J = I - 11': F(w) = (d - (sum w)^2) / 2, least where all signs are equal."""
    return np.eye(d) - np.ones((d, d))


@settings(max_examples=15)
@given(instances)
def test_the_bound_is_below_the_optimum_and_not_far(problem):
    found = relaxation_bound(problem.couplings)
    best = problem.closed_form()[1]
    assert found.bound <= best
    # Goemans and Williamson's argument for any J (Nesterov 1998): the gap is at most (1 - 2/pi) of the span of values.
    most = -relaxation_bound(-problem.couplings).bound
    assert best - found.bound <= (1 - 2 / np.pi) * (most - found.bound) + 1e-6
    assert found.status == "optimal"


@settings(max_examples=50)
@given(instances, st.data())
def test_any_dual_vector_proves_a_bound(problem, data):
    entries = st.floats(-1e3, 1e3, allow_subnormal=False)
    y = np.array(data.draw(st.lists(entries, min_size=problem.dim, max_size=problem.dim)))
    assert dual_bound(problem.couplings, y) <= problem.energies().min()


@given(instances, st.integers(0, 1000))
def test_no_dual_vector_beats_the_solver(problem, seed):
    found = relaxation_bound(problem.couplings)
    near = found.dual + 0.1 * np.random.default_rng(seed).standard_normal(problem.dim)
    assert dual_bound(problem.couplings, near) <= found.bound + 1e-6
    assert dual_bound(problem.couplings, found.dual + 1.0) == pytest.approx(found.bound, abs=1e-11)  # |w|^2 = d
    assert dual_bound(problem.couplings, found.dual) == found.bound


@pytest.mark.parametrize("d", [2, 3, 7, 40])
def test_a_tight_relaxation_is_exact(d):
    flips = np.where(np.random.default_rng(d).random(d) < 0.5, -1.0, 1.0)  # a change of signs moves the optimum along
    J = all_equal(d) * np.outer(flips, flips)
    found = relaxation_bound(J)
    optimum = (d - d * d) / 2
    assert found.bound <= optimum
    assert found.gap_of(flips) <= 1e-11 * d * d
    assert found.share_of(flips) == pytest.approx(1, abs=1e-11)
    assert found.gap_of(np.ones((3, 5, d))).shape == (3, 5)


def test_a_frustrated_triangle_is_not_tight():
    """J = 11' - I, d = 3: the signs reach -1, the relaxation's vectors at 120 degrees reach -3/2."""
    found = relaxation_bound(-all_equal(3))
    assert found.bound == pytest.approx(-1.5, abs=1e-6)
    assert Ising(-all_equal(3)).closed_form()[1] == -1


def test_scale_and_order_of_coordinates_change_nothing():
    J, order = Ising.random(10, 5).couplings, np.random.default_rng(0).permutation(10)
    bound = relaxation_bound(J).bound
    assert relaxation_bound(1e6 * J).bound == pytest.approx(1e6 * bound, rel=1e-7)
    assert relaxation_bound(1e-6 * J).bound == pytest.approx(1e-6 * bound, rel=1e-7)
    assert relaxation_bound(J[np.ix_(order, order)]).bound == pytest.approx(bound, rel=1e-7)


def test_the_two_solvers_agree(monkeypatch):
    J = Ising.random(12, 3).couplings
    precise = relaxation_bound(J).bound
    monkeypatch.setattr(module, "SMALL", 0)
    assert relaxation_bound(J).bound == pytest.approx(precise, rel=1e-5)


@pytest.mark.parametrize("wrong", ["nothing", "noise", "the negative", "not a number"])
def test_a_solver_that_lies_costs_precision_not_the_proof(wrong, monkeypatch):
    problem, solve = Ising.random(9, 2), module._solve
    honest = relaxation_bound(problem.couplings).bound

    def lie(couplings):
        matrix, y, _ = solve(couplings)
        noise = np.random.default_rng(0).standard_normal(9)
        return {
            "nothing": (None, None, "failed"),
            "noise": (np.outer(noise, noise), 10 * noise, "optimal"),
            "the negative": (-matrix, -y, "optimal"),
            "not a number": (None, np.zeros(9), "unbounded"),
        }[wrong]

    monkeypatch.setattr(module, "_solve", lie)
    found = relaxation_bound(problem.couplings)
    assert found.bound <= problem.closed_form()[1]
    assert found.bound >= 9 * np.linalg.eigvalsh(problem.couplings)[0] / 2 - 1e-9  # y = 0
    assert (found.bound == pytest.approx(honest)) == (wrong == "the negative")


def test_a_failing_solver_is_named(monkeypatch):
    import cvxpy as cp

    def fail(self, **options):
        raise cp.error.SolverError("no luck")

    monkeypatch.setattr(cp.Problem, "solve", fail)
    found = relaxation_bound(all_equal(4))
    assert found.status == "failed (no luck)" and found.bound <= -6


def test_without_the_eigenvalue_a_wrong_dual_would_prove_too_much():
    """The control: sum(y) / 2 alone is no bound."""
    problem = Ising.random(8, 1)
    y = np.full(8, 5.0)
    assert y.sum() / 2 > problem.closed_form()[1] >= dual_bound(problem.couplings, y)


def test_zero_couplings():
    found = relaxation_bound(np.zeros((3, 3)))
    assert -1e-6 <= found.bound <= 0 and found.gap_of(np.ones(3)) == -found.bound


@pytest.mark.slow
def test_two_hundred_spins_take_seconds():
    problem = Ising.random(200, 0)
    begin = time.perf_counter()
    found = relaxation_bound(problem.couplings)
    assert time.perf_counter() - begin < 20
    assert found.bound == pytest.approx(dual_bound(problem.couplings, found.dual), rel=1e-12)
    # lambda_min is about -2: y = 0 proves about -d, the solver more; signs that no flip improves reach about -0.65 d.
    low = module._descend(problem.couplings, np.ones(200))
    assert -200 * 1.05 < found.bound < problem.value(low) < -0.6 * 200
    assert (low * (problem.couplings @ low) <= 0).all()


BAD = [
    (np.ones((2, 3)), r"couplings must be square with d >= 2, got shape (2, 3)"),
    ([[0.0]], "couplings must be square with d >= 2, got shape (1, 1)"),
    ([[0.0, 1.0], [2.0, 0.0]], "couplings must be symmetric"),
    (np.eye(2), "couplings must have a zero diagonal"),
    ([[0.0, np.nan], [np.nan, 0.0]], "couplings must be finite"),
    ("J", "couplings must be an array of real numbers"),
    ([0.0, 1.0], "couplings must have 2 dimensions"),
]


@pytest.mark.parametrize(("couplings", "message"), BAD)
def test_bad_couplings(couplings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        relaxation_bound(couplings)
    with pytest.raises(ValueError, match=re.escape(message)):
        dual_bound(couplings, [1.0, 1.0])
    with pytest.raises(ValueError, match=re.escape(message)):
        Ising(couplings)


def test_bad_dual_and_bad_points():
    J = all_equal(3)
    with pytest.raises(ValueError, match=r"dual must have shape \(3,\), got \(2,\)"):
        dual_bound(J, [1.0, 2.0])
    with pytest.raises(ValueError, match="dual must be finite"):
        dual_bound(J, [1.0, np.inf, 0.0])
    found = relaxation_bound(J)
    with pytest.raises(ValueError, match=r"w must have shape \(..., 3\), got \(2,\)"):
        found.gap_of([1.0, 1.0])
    with pytest.raises(ValueError, match=r"w must lie in the box \[-1, 1\], got an entry of size 2"):
        found.gap_of([1.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="couplings must not be zero for a share"):
        relaxation_bound(np.zeros((2, 2))).share_of([1.0, 1.0])
