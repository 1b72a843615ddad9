"""Optima of a user's own objective: searched and certified by mu, or given and believed unless refuted."""

from itertools import product

import numba
import numpy as np
import pytest

from qtheory.optimum import InaccurateSolve, certify, lattice_optimum, optimum, solve
from qtheory.problems import Constants, CustomProblem, Known

BOX = (-1.0, 0.5)


@numba.njit
def custom_value(data, w):
    center, quartic, kink = data
    total = 0.0
    for j in range(w.size):
        x = w[j]
        total += (x - center[j]) ** 2 / 2 + quartic * x**4 / 4 + kink * abs(x)
    return total


@numba.njit
def custom_gradient(data, w, out):
    center, quartic, kink = data
    for j in range(w.size):
        x = w[j]
        out[j] = x - center[j] + quartic * x**3 + (kink if x >= 0 else -kink)


def custom(center, quartic=1.0, kink=0.0, mu=1.0, L=100.0, **settings):
    known = None if mu is None else Constants(*(Known(v, "by the test") for v in (mu, L, np.inf, np.inf, np.inf)))
    center = np.asarray(center, dtype=np.float64)
    data = center, float(quartic), float(kink)
    return CustomProblem(custom_value, custom_gradient, center.size, data, known, **settings)


@pytest.mark.parametrize("box", [None, (0.0, 0.4)])
def test_custom_is_searched_and_certified(box):
    center = np.array([-1.0, 0.2, 3.0])
    found = optimum(custom(center, box=box))
    roots = [next(r.real for r in np.roots([1, 0, 1, -c]) if abs(r.imag) < 1e-9) for c in center]  # w^3 + w = c
    np.testing.assert_allclose(found.w, roots if box is None else np.clip(roots, *box), atol=1e-7)
    assert found.certificate.how.startswith("L-BFGS-B; by strong convexity, mu = 1 (by the test)")


def test_custom_without_what_it_needs():
    for problem in (custom([1.0, 2.0], mu=None), custom([1.0, 2.0], mu=0.0, box=BOX)):
        with pytest.raises(ValueError, match=r"known must give .* mu > 0, or minimiser must give w\*"):
            optimum(problem)


def test_a_given_minimiser_is_believed_unless_it_is_refuted():
    given_it = custom([0.0, 0.0], mu=None, minimiser=np.zeros(2))
    assert certify(given_it, [1.0, 0.0]).gap == np.inf
    assert optimum(given_it).certificate.how == "closed form; not certified: no known mu > 0"
    kinked = custom([0.5, -0.5], kink=1.0, L=np.inf, minimiser=np.zeros(2))  # 0 is in the subdifferential
    assert optimum(kinked).value == 0.25
    with pytest.raises(InaccurateSolve, match="closed form; by strong convexity"):
        optimum(custom([1.0, 2.0], minimiser=np.zeros(2)))
    with pytest.raises(InaccurateSolve, match="feasibility 1"):
        optimum(custom([2.0], quartic=0.0, mu=None, minimiser=np.full(1, 2.0), box=(0.0, 1.0)))
    with pytest.raises(InaccurateSolve):
        optimum(custom([np.nan], mu=None, minimiser=np.zeros(1)))
    with pytest.raises(InaccurateSolve):
        optimum(custom([np.nan]))


def test_custom_is_not_for_the_solver():
    with pytest.raises(ValueError, match="cvxpy can model, got CustomProblem"):
        solve(custom([1.0]))


def test_custom_on_a_lattice():
    problem, levels = custom([0.3, -2.0, 0.7], box=(-1.0, 1.0)), np.arange(-1, 1.25, 0.25)
    w, value = lattice_optimum(problem, 0.25)
    assert np.isin(w, levels).all()
    assert value == min(float(problem.value(np.array(v))) for v in product(levels, repeat=3))
    with pytest.raises(ValueError, match="got NaN at"):
        lattice_optimum(custom([np.nan], box=(0.0, 1.0)), 0.5)
