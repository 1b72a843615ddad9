"""Optima: formulas against a solver, certificates against brute force, and points that must not pass."""

import gc
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory import _convex, problems
from qtheory import optimum as module
from qtheory.optimum import Certificate, InaccurateSolve, certify, lattice_optimum, optimum, solve

BOXES = (None, (-1.0, 1.0), (0.25, 2.0))
BOX = (-1.0, 0.5)
KINDS = ("separable", "dense", "least_squares", "ridge", "singular", "logistic", "unregularised", "linear", "absolute")


def make(kind, d=4, box=None, seed=0):
    """A random problem of one kind; "singular" has two equal columns for d > 1.

    "unregularised" has both labels at each of d independent rows, so that no direction separates them.
    """
    rng = np.random.default_rng([seed, d])
    center, rows = rng.normal(0, 1.5, d), rng.standard_normal((6 * d, d))
    y, root = rows @ center + rng.standard_normal(6 * d), rng.standard_normal((d, d))
    labels = np.where(rng.random(6 * d) < 0.3, -1, 1) * np.where(y > 0, 1.0, -1.0)
    makers = {
        "separable": lambda: problems.SeparableQuadratic(rng.uniform(0.1, 3, d), center, box=box),
        "dense": lambda: problems.DenseQuadratic(root @ root.T + 0.1 * np.eye(d), center, box=box),
        "least_squares": lambda: problems.LeastSquares(rows, y, box=box),
        "ridge": lambda: problems.LeastSquares(rows, y, 0.1, box=box),
        "singular": lambda: problems.LeastSquares(np.column_stack([rows[:, :-1], rows[:, 0]]), y, box=box),
        "logistic": lambda: problems.LogisticRegression(rows, labels, 0.01, box=box),
        "unregularised": lambda: problems.LogisticRegression(
            np.vstack([rows, rows[:d]]), np.append(labels, -labels[:d]), 0.0, box=box
        ),
        "linear": lambda: problems.Linear(rng.standard_normal(d), box=box),
        "absolute": lambda: problems.AbsoluteValue(rng.uniform(0.1, 2, d), rng.uniform(0.1, 2, d), center, box=box),
    }
    return makers[kind]()


def feasible_points(problem, n, seed=0, around=None):
    """(n, d) points of the domain: spread over it, and some close to `around`."""
    rng = np.random.default_rng(seed)
    low, high = problem.box or (-5.0, 5.0)
    points = rng.uniform(low, high, (n, problem.dim))
    if around is not None:
        near = points[::2]
        near[:] = around + rng.standard_normal(near.shape) * 10.0 ** rng.uniform(-6, 0, (len(near), 1))
    return problem.project(points)


# --- the points


FORMULAS = [case for case in product(("separable", "dense", "linear", "absolute"), BOXES) if case != ("linear", None)]


@pytest.mark.parametrize(("kind", "box"), FORMULAS)
def test_formulas_agree_with_the_solver(kind, box):
    problem = make(kind, 6, box)
    found, solved = optimum(problem), solve(problem)
    assert found.certificate.how.startswith("closed form") == (problem.closed_form() is not None)
    assert solved.certificate.how.startswith("cvxpy")
    np.testing.assert_allclose(found.w, solved.w, atol=1e-7)
    assert abs(found.value - solved.value) <= found.certificate.gap + solved.certificate.gap + 1e-13


@pytest.mark.parametrize("kind", ["separable", "dense", "logistic", "absolute"])
def test_the_solver_is_right_before_it_is_polished(kind):
    problem = make(kind, 6, BOX)
    w, status = _convex.conic(problem)
    assert status == "optimal"
    np.testing.assert_allclose(problem.value(w), optimum(problem).value, rtol=1e-6, atol=1e-7)


def test_unconstrained_ridge_solves_the_normal_equations():
    problem = make("ridge", 5)
    n, d = problem.X.shape
    w = np.linalg.solve(problem.X.T @ problem.X / n + 0.1 * np.eye(d), problem.X.T @ problem.y / n)
    np.testing.assert_allclose(optimum(problem).w, w, rtol=1e-10)


@pytest.mark.parametrize("wide", [False, True])
def test_singular_least_squares_gets_the_solution_of_least_norm(wide):
    problem = make("singular", 5)
    if wide:
        problem = problems.LeastSquares(problem.X[:3], problem.y[:3])
    found = optimum(problem)
    np.testing.assert_allclose(found.w, np.linalg.pinv(problem.X) @ problem.y, atol=1e-10)
    assert f"rank {3 if wide else 4} of d = 5" in found.certificate.how
    assert found.certificate.gap < 1e-20


def test_singular_logistic_gets_the_solution_of_least_norm():
    base = make("unregularised", 4)
    problem = problems.LogisticRegression(np.column_stack([base.X, base.X[:, 0]]), base.y, 0.0)
    w, apart = optimum(problem).w, np.array([1.0, 0, 0, 0, -1.0])  # `apart` is in the null space of X
    expected = optimum(base).w * [0.5, 1, 1, 1]
    for found in (w, _convex.polish(problem, w + apart, lambda v: certify(problem, v).gap)):
        np.testing.assert_allclose(found, [*expected, expected[0]], atol=1e-9)


@pytest.mark.parametrize("box", [None, (-1.0, 0.3)])
def test_large_data_go_to_newton_and_meet_the_solver(box, monkeypatch):
    problem = make("logistic", 5, box)
    expected = solve(problem)
    monkeypatch.setattr(_convex, "LARGE", 0)
    monkeypatch.setattr(_convex, "conic", lambda problem: pytest.fail("cvxpy was called"))
    found = optimum(problem)
    assert found.certificate.how.startswith("projected Newton")
    np.testing.assert_allclose(found.w, expected.w, atol=1e-10)


@pytest.mark.parametrize("kappa", [1.16, 2.0])
def test_cubic(kappa):
    problem = problems.CubicPerturbed(6, kappa)
    found = optimum(problem)
    assert found.value == 0 and not found.w.any() and found.certificate.gap == 0
    assert (problem.value(feasible_points(problem, 2000, around=found.w)) >= 0).all()


@given(st.sampled_from(KINDS), st.integers(1, 5), st.sampled_from(BOXES), st.integers(0, 10**6))
def test_no_feasible_point_is_better(kind, d, box, seed):
    if kind == "linear" and box is None:
        box = BOX
    problem = make(kind, d, box, seed)
    found = optimum(problem)
    assert found.certificate.accurate(found.value) and found.w.shape == (d,) and type(found.value) is float
    assert problem.box is None or ((found.w >= problem.box[0]) & (found.w <= problem.box[1])).all()
    rounding = 1e-14 * max(1.0, abs(found.value))
    values = problem.value(feasible_points(problem, 400, seed, found.w))
    assert values.min() >= found.value - found.certificate.gap - rounding


# --- certificates


@pytest.mark.parametrize("kind", KINDS)
def test_karush_kuhn_tucker_at_constrained_optima(kind):
    """The optimality conditions, written out for the faces as they are: free, at the lower, at the upper one."""
    problem = make(kind, 12, (-0.05, 0.05))
    found = optimum(problem)
    g = problem.gradient(found.w)
    if kind == "absolute":
        g = np.where(found.w == problem.center, 0.0, g)
    low, high = found.w == -0.05, found.w == 0.05
    assert low.any() and high.any()
    assert (g[low] >= -1e-12).all() and (g[high] <= 1e-12).all()
    assert np.abs(g[~low & ~high]).max(initial=0.0) <= 1e-12
    c = found.certificate
    assert c.feasibility == 0 and c.stationarity <= 1e-12 and c.complementarity <= 1e-12 and 0 <= c.gap <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(1, 4), st.sampled_from(BOXES), st.integers(0, 10**6))
def test_the_gap_is_a_bound_at_every_point(kind, d, box, seed):
    problem = make(kind, d, BOX if kind == "linear" and box is None else box, seed)
    best = optimum(problem)
    for w in feasible_points(problem, 12, seed, best.w):
        excess = float(problem.value(w)) - best.value
        assert certify(problem, w).gap >= excess - 1e-13 * max(1.0, abs(best.value))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("box", BOXES)
def test_a_wrong_point_does_not_pass(kind, box):
    """Control: the further a point is moved, the worse its certificate; a thousandth is too much."""
    if kind == "linear" and box is None:
        box = BOX
    problem = make(kind, 4, box)
    found = optimum(problem)
    inward = np.where(found.w > sum(problem.box) / 2, -1.0, 1.0) if problem.box else np.ones(4)
    certificates = [certify(problem, found.w + step * inward) for step in (1e-3, 1e-2, 1e-1)]
    gaps = [found.certificate.gap, *(c.gap for c in certificates)]
    assert gaps == sorted(gaps) and gaps[1] > 1e-8
    for c in certificates:
        assert not c.accurate(found.value) and c.stationarity > 1e-6
    assert found.certificate.accurate(found.value) and not found.certificate.accurate(np.inf)


def test_a_better_point_outside_the_domain_does_not_pass():
    problem = make("dense", 4, (0.25, 2.0))
    certificate = certify(problem, problem.center)
    assert problem.value(problem.center) < optimum(problem).value
    assert certificate.gap <= 0 < certificate.feasibility and not certificate.accurate(0.0)
    assert certificate.feasibility == max((0.25 - problem.center).max(), (problem.center - 2).max())


def test_gap_takes_the_better_of_strong_convexity_and_frank_wolfe():
    steep, flat = (problems.SeparableQuadratic(np.array([1.0, c]), 3.0, box=(-1, 1)) for c in (1.0, 1e-3))
    for problem in (steep, flat):
        w, mu = np.array([0.9, -1.0]), problem.curvature.min()
        g = problem.gradient(w)
        frank_wolfe = float(np.sum(np.abs(g) * (1 - w)))  # g < 0: the best corner is (1, 1)
        assert certify(problem, w).gap <= min(frank_wolfe, g @ g / (2 * mu)) + 1e-15
        assert certify(problem, w).complementarity == pytest.approx(frank_wolfe)
    assert certify(problems.SeparableQuadratic(np.ones(2), 3.0), np.zeros(2)).gap == pytest.approx(
        9.0
    )  # |g|^2/2: exact


def test_kinks_use_the_whole_subdifferential():
    problem = problems.AbsoluteValue(np.array([1.0, 2.0]), 3.0, 0.5)
    assert problem.gradient(np.full(2, 0.5)).any()  # a one-sided derivative there
    assert certify(problem, np.full(2, 0.5)) == Certificate(0.0, 0.0, 0.0, 0.0, certify(problem, np.zeros(2)).how)
    assert certify(problem, np.array([0.5, 0.6])).gap == pytest.approx(0.3)


def test_what_cannot_be_bounded_is_infinite():
    assert certify(problems.Linear(np.array([1.0, 0.0])), np.zeros(2)).gap == np.inf
    assert certify(problems.Linear(np.zeros(2)), np.ones(2)).gap == 0
    far = certify(make("unregularised", 3), np.full(3, 50.0))  # no feasible point of the dual is near
    assert far.gap == np.inf


def test_a_solver_that_gives_up_is_an_error_and_is_not_remembered(monkeypatch):
    problem = make("logistic", 4, BOX)
    monkeypatch.setattr(_convex, "SOLVER_OPTIONS", {"max_iter": 1})
    with pytest.raises(InaccurateSolve, match=r"LogisticRegression: Clarabel ended 'user_limit'; .*stationarity"):
        optimum(problem)
    monkeypatch.undo()
    assert optimum(problem).certificate.gap < 1e-12


def test_a_coarse_solve_without_polish_is_an_error(monkeypatch):
    problem = make("logistic", 4, BOX)
    coarse = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-3)
    monkeypatch.setattr(_convex, "SOLVER_OPTIONS", coarse)
    assert solve(problem).certificate.gap < 1e-12  # polishing makes good for it
    monkeypatch.setattr(_convex, "NEWTON_STEPS", 0)
    with pytest.raises(InaccurateSolve, match=r"gap <= .*, stationarity .*, feasibility .*, complementarity") as caught:
        solve(problem)
    assert caught.value.certificate.gap > 1e-9


def test_separable_labels_have_no_minimiser():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((30, 3))
    y = np.where(X @ [1.0, -2.0, 0.5] > 0, 1.0, -1.0)
    half = np.vstack([X[:, 1:], X[:, 1:]])  # the first column separates weakly: zero for one half of the data
    X2, y2 = np.column_stack([np.r_[y, np.zeros(30)], half]), np.r_[y, rng.choice([-1.0, 1.0], 30)]
    for rows, labels in ((X, y), (X2, y2)):
        for find in (optimum, solve):
            with pytest.raises(ValueError, match="linearly separable"):
                find(problems.LogisticRegression(rows, labels, 0.0))
        assert optimum(problems.LogisticRegression(rows, labels, 1e-6)).value > 0
        assert optimum(problems.LogisticRegression(rows, labels, 0.0, box=(-1, 1))).value > 0
    flipped = np.where(np.arange(30) == int(np.argmax(np.abs(X).sum(axis=1))), -y, y)
    assert optimum(problems.LogisticRegression(X, flipped, 0.0)).certificate.gap < 1e-12


def test_bad_input():
    for call in (optimum, solve, lambda p: certify(p, 0.0), lambda p: lattice_optimum(p, 1.0)):
        with pytest.raises(ValueError, match=r"problem must be a problem .* got 3"):
            call(3)
    for find in (optimum, solve):
        with pytest.raises(ValueError, match="linear objective has no optimum without a box"):
            find(make("linear"))
    with pytest.raises(ValueError, match="cvxpy can model, got CubicPerturbed"):
        solve(problems.CubicPerturbed(2, 1.5))
    for w, why in ((np.zeros(3), "shape"), (np.full(4, np.nan), "finite"), ("x", "real numbers")):
        with pytest.raises(ValueError, match=f"w must .*{why}"):
            certify(make("dense"), w)


def test_results_are_kept_as_long_as_the_problem():
    problem = make("dense", 3, BOX)
    found = optimum(problem)
    assert optimum(problem) is found and optimum(make("dense", 3, BOX)) is not found
    with pytest.raises(ValueError, match="read-only"):
        found.w[0] = 1.0
    reference = weakref.ref(problem)
    del problem
    gc.collect()
    assert reference() is None


def test_threads_solve_a_problem_once(monkeypatch):
    calls, find = [], module._find
    monkeypatch.setattr(module, "_find", lambda problem: calls.append(problem) or find(problem))
    shared = [make("logistic", 4, BOX, seed) for seed in range(3)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(optimum, shared * 8))
    assert len(calls) == 3 and all(found[i] is found[i % 3] for i in range(24))


def test_import_is_light():
    code = "import sys, qtheory.optimum; print([m for m in ('cvxpy', 'numba', 'scipy.optimize') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
