"""Objectives and their constants against finite differences, numerical suprema and exact laws of the noise."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.problems import (
    AbsoluteValue,
    Constants,
    CubicPerturbed,
    CustomProblem,
    DenseQuadratic,
    Gaussian,
    Known,
    LeastSquares,
    Linear,
    LogisticRegression,
    NoNoise,
    OneBit,
    Rademacher,
    SeparableQuadratic,
)

D, N = 4, 12
BOX = (-1.0, 1.5)
rng = np.random.default_rng(4)
ROOT = rng.normal(size=(D, D))
MATRIX = ROOT @ ROOT.T + 0.2 * np.eye(D)
CENTER = np.array([0.4, -0.3, 0.9, 0.1])
X, TARGET = rng.normal(size=(N, D)), rng.normal(size=N)
LABELS = np.sign(TARGET)


@numba.njit
def quartic(center, w):
    return np.sum((w - center) ** 4 / 4 + (w - center) ** 2 / 2)


@numba.njit
def quartic_gradient(center, w, out):
    for j in range(w.size):
        out[j] = (w[j] - center[j]) ** 3 + (w[j] - center[j])


# On BOX, e = |w - center| <= 1.9: curvature 1 + 3 e^2 <= 11.83, its slope 6 e <= 11.4, slope e^3 + e <= 8.759.
QUARTIC = Constants(
    Known(1.0, "by construction"), Known(11.83, "by a bound"), Known(11.4, "by a bound"),
    Known(np.sqrt(D) * 8.759, "by a bound"), Known(np.sqrt(D) * 2.5, "by construction"),
)  # fmt: skip
CUSTOM = CustomProblem(quartic, quartic_gradient, D, CENTER, known=QUARTIC, box=BOX)

SMOOTH = {
    "separable": SeparableQuadratic([0.5, 1.0, 2.0, 3.0], CENTER, box=BOX),
    "dense": DenseQuadratic(MATRIX, CENTER, box=BOX),
    "least squares": LeastSquares(X, TARGET, 0.1, box=BOX),
    "logistic": LogisticRegression(X, LABELS, 0.1, box=BOX),
    "cubic": CubicPerturbed(D, 1.4),
    "linear": Linear([1.0, -2.0, 0.5, 0.0], box=BOX),
    "custom": CUSTOM,
}
KINKED = {"absolute": AbsoluteValue([0.5, 1.0, 2.0, 3.0], [1.0, 0.7, 2.0, 0.1], CENTER, box=BOX)}
EVERY = SMOOTH | KINKED
smooth = pytest.mark.parametrize("name", SMOOTH)
every = pytest.mark.parametrize("name", EVERY)


def points(problem, count=40, seed=0):
    """Random points of the box, and corners."""
    draw, (low, high) = np.random.default_rng(seed), problem.box
    corners = np.where(draw.random((count, problem.dim)) < 0.5, low, high)
    return np.concatenate([draw.uniform(low, high, (count, problem.dim)), corners])


def numerical_gradient(problem, w, h=1e-5):
    steps = h * np.eye(problem.dim)
    return (problem.value(w + steps) - problem.value(w - steps)) / (2 * h)


def hessian(problem, w, h=1e-5):
    steps = h * np.eye(problem.dim)
    rows = (problem.gradient(w + steps) - problem.gradient(w - steps)) / (2 * h)
    return (rows + rows.T) / 2


# --- values and gradients


@every
def test_gradients_are_finite_differences_of_values(name):
    problem = EVERY[name]
    for w in points(problem):
        np.testing.assert_allclose(problem.gradient(w), numerical_gradient(problem, w), rtol=1e-6, atol=1e-7)


def test_a_wrong_gradient_would_be_seen():
    problem = SMOOTH["dense"]
    w = points(problem)[0]
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(problem.gradient(w) * 1.0001, numerical_gradient(problem, w), rtol=1e-6, atol=1e-7)


@every
def test_values_and_gradients_take_points_in_any_arrangement(name):
    problem = EVERY[name]
    w = points(problem)[:6].reshape(2, 3, D)
    assert problem.value(w).shape == (2, 3) and problem.gradient(w).shape == (2, 3, D)
    np.testing.assert_allclose(problem.value(w)[1, 2], problem.value(w[1, 2]), rtol=1e-14)
    np.testing.assert_allclose(problem.gradient(w)[1, 2], problem.gradient(w[1, 2]), rtol=1e-14)


@pytest.mark.parametrize("name", [name for name in EVERY if EVERY[name].separable])
def test_slopes_and_terms_are_the_coordinates_of_separable_problems(name):
    problem = EVERY[name]
    w = points(problem)
    terms = np.stack([problem.term(j, w[:, j]) for j in range(D)], axis=-1)
    slopes = np.stack([problem.slope(j, w[:, j]) for j in range(D)], axis=-1)
    np.testing.assert_allclose(terms.sum(axis=-1), problem.value(w), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(slopes, problem.gradient(w))


def test_the_kink_of_an_absolute_value_has_the_right_slope():
    assert np.array_equal(KINKED["absolute"].gradient(CENTER), KINKED["absolute"].right)


def test_logistic_loss_does_not_overflow():
    problem = LogisticRegression(X, LABELS, 0.0)
    w = 1e5 * np.ones(D)
    assert np.isfinite(problem.value(w)) and np.isfinite(problem.gradient(w)).all()
    assert problem.value(w) == pytest.approx(np.mean(np.maximum(-LABELS * (X @ w), 0)), rel=1e-9)


# --- constants


@smooth
def test_mu_and_L_enclose_the_hessian_and_L2_its_change(name):
    problem, constants = SMOOTH[name], SMOOTH[name].constants
    w = points(problem)
    hessians = [hessian(problem, x) for x in w]
    for h in hessians:
        spectrum = np.linalg.eigvalsh(h)
        assert constants.mu.value - 1e-6 <= spectrum[0] and spectrum[-1] <= constants.L.value + 1e-6
    for i in range(1, len(w)):
        change = np.linalg.norm(hessians[i] - hessians[i - 1], 2)
        assert change <= constants.L2.value * np.linalg.norm(w[i] - w[i - 1]) + 1e-6


@pytest.mark.parametrize("name", ["separable", "dense", "least squares"])
def test_mu_and_L_of_quadratics_are_the_extreme_eigenvalues(name):
    spectrum = np.linalg.eigvalsh(hessian(SMOOTH[name], np.zeros(D)))
    constants = SMOOTH[name].constants
    assert (constants.mu.value, constants.L.value) == pytest.approx((spectrum[0], spectrum[-1]), abs=1e-6)
    assert constants.L2.value == 0


def exact_second_moment(problem, w):
    """E|g(w)|^2: over the rows of the mini-batch, then over the noise."""
    gradient = problem.gradient(w)
    square = np.sum(gradient**2)
    if problem.batch:
        rows = np.stack(
            [replace(problem, X=X[n : n + 1], y=problem.y[n : n + 1], batch=0).gradient(w) for n in range(N)]
        )
        np.testing.assert_allclose(rows.mean(axis=0), gradient, rtol=1e-9, atol=1e-12)  # unbiased
        square += np.sum((rows - gradient) ** 2) / N / problem.batch
    if isinstance(problem.noise, OneBit):
        return problem.dim * problem.noise.scale**2
    return square + problem.dim * problem.noise.variance


BATCHED = [(name, batch) for name in EVERY for batch in (0, 1, 3) if batch == 0 or hasattr(EVERY[name], "X")]


@pytest.mark.parametrize(("name", "batch"), BATCHED)
@pytest.mark.parametrize("noise", [NoNoise(), Gaussian(0.7), Rademacher(1.3), OneBit(40.0)])
def test_G_bounds_the_second_moment_of_the_stochastic_gradient(name, batch, noise):
    problem = replace(EVERY[name], noise=noise, **({"batch": batch} if batch else {}))
    if name == "custom":  # its constants are the user's word, and speak of the gradient alone here
        problem = replace(problem, noise=NoNoise())
    moments = [exact_second_moment(problem, w) for w in points(problem)]
    assert max(moments) <= problem.constants.G.value**2 * (1 + 1e-12)


@pytest.mark.parametrize("name", ["separable", "linear", "absolute"])
def test_G_of_separable_problems_is_reached_at_a_corner(name):
    problem = replace(EVERY[name], noise=Rademacher(0.5))
    corners = np.array(np.meshgrid(*[problem.box] * D)).reshape(D, -1).T
    reached = max(exact_second_moment(problem, w) for w in corners)
    assert problem.constants.G.value**2 == pytest.approx(reached, rel=1e-12)


@every
def test_D_is_the_diameter_of_the_box(name):
    low, high = EVERY[name].box
    assert EVERY[name].constants.D.value == pytest.approx(np.linalg.norm(np.full(D, high - low)))


@every
def test_every_constant_says_how_it_is_known(name):
    assert all(known.how for known in EVERY[name].constants)


def test_constants_that_do_not_exist_are_infinite_and_say_so():
    for problem in (SeparableQuadratic([1.0]), DenseQuadratic([[1.0]]), LeastSquares(X, TARGET, 0.1)):
        for known in (problem.constants.G, problem.constants.D):
            assert known.value == np.inf and "give the problem a box" in known.how
    assert KINKED["absolute"].constants.L.value == np.inf and KINKED["absolute"].constants.L.how == "F has kinks"
    # A slope is bounded without a box: of a piecewise linear function, and of the logistic loss alone.
    assert AbsoluteValue([1.0, 3.0], [2.0, 1.0]).constants.G.value == pytest.approx(np.hypot(2, 3))
    assert np.isfinite(LogisticRegression(X, LABELS, 0.0).constants.G.value)


@pytest.mark.parametrize("dimension", [2, 3, 30])
def test_the_cubic_has_the_L2_that_it_states_in_every_dimension(dimension):
    problem = CubicPerturbed(dimension, 1.2)
    # |H(w)| / |w| is greatest where s = |w| / sqrt 3; the Hessian of the cubic part is linear in w.
    along = np.full(dimension, 1 / np.sqrt(dimension))
    across = np.zeros(dimension)
    across[:2] = np.sqrt(0.5), -np.sqrt(0.5)
    w = along / np.sqrt(3) + across * np.sqrt(2 / 3)
    change = hessian(problem, 0.5 * w) - hessian(problem, -0.5 * w)
    assert np.linalg.norm(change, 2) == pytest.approx(2 / np.sqrt(3), rel=1e-6) == problem.constants.L2.value
    assert problem.constants.mu.value > 0
    assert problem.mu0 == 1.2 * np.sqrt(dimension)


@given(st.integers(1, 6), st.floats(1.16, 5), st.integers(0, 100))
def test_the_cubic_keeps_its_constants_on_the_box(dimension, kappa, seed):
    problem = CubicPerturbed(dimension, kappa)
    constants = problem.constants
    for w in points(problem, 3, seed):
        spectrum = np.linalg.eigvalsh(hessian(problem, w))
        assert constants.mu.value - 1e-6 <= spectrum[0] and spectrum[-1] <= constants.L.value + 1e-6
        assert np.linalg.norm(problem.gradient(w)) <= constants.G.value
        assert problem.value(w) >= 0 == problem.value(np.zeros(dimension))


# --- minimisers


AWAY = (0.5, 0.75), (-3.0, -2.0)  # boxes without the center
FORMS = [(name, box) for name in ("separable", "absolute") for box in (None, BOX, *AWAY)]
FORMS += [("linear", box) for box in (BOX, *AWAY)] + [("dense", None), ("dense", BOX)]


@pytest.mark.parametrize(("name", "box"), FORMS)
def test_closed_forms_are_minimisers(name, box):
    check_minimiser(replace(EVERY[name], box=box))


def test_the_cubic_is_least_at_zero():
    check_minimiser(CubicPerturbed(D, 1.16))


@pytest.mark.parametrize("box", AWAY)
def test_a_dense_quadratic_leaves_boxes_without_its_center_to_a_solver(box):
    assert replace(SMOOTH["dense"], box=box).closed_form() is None


def check_minimiser(problem):
    w, value = problem.closed_form()
    assert value == pytest.approx(float(problem.value(w)), abs=1e-15)
    assert np.array_equal(problem.project(w), w)
    low, high = problem.box or (-5.0, 5.0)
    others = np.random.default_rng(1).uniform(low, high, (500, D))
    near = problem.project(w + 1e-3 * np.random.default_rng(2).normal(size=(500, D)))
    assert (problem.value(np.concatenate([others, near])) >= value - 1e-12).all()


def test_a_linear_objective_without_a_box_has_no_minimiser():
    with pytest.raises(ValueError, match="no optimum without a box"):
        Linear([1.0]).closed_form()


def test_a_custom_problem_vouches_for_its_minimiser():
    assert CUSTOM.closed_form() is None
    w, value = replace(CUSTOM, minimiser=CENTER).closed_form()
    assert np.array_equal(w, CENTER) and value == 0


def test_absolute_values_are_linear_where_the_box_leaves_out_every_kink():
    assert not KINKED["absolute"].linear
    assert replace(KINKED["absolute"], box=(1.0, 2.0)).linear
    assert replace(KINKED["absolute"], box=(0.9, 2.0)).linear  # a kink on the face
    assert not replace(KINKED["absolute"], box=None).linear
    assert SMOOTH["linear"].linear and not SMOOTH["separable"].linear
