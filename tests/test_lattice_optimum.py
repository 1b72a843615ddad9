"""The best point of a grid, against a plain loop over all of them."""

from itertools import product

import numpy as np
import pytest

from qtheory import optimum as module
from qtheory import problems
from qtheory.optimum import lattice_optimum, optimum
from qtheory.quantizers import Grid

KINDS = ("separable", "dense", "least_squares", "logistic", "linear", "absolute")


def make(kind, d, box):
    """A random problem of one kind."""
    rng = np.random.default_rng([1, d])
    center, rows, slopes = rng.normal(0, 1.5, d), rng.standard_normal((3 * d, d)), rng.uniform(0.1, 2, (2, d))
    y = rows @ center
    makers = {
        "separable": lambda: problems.SeparableQuadratic(slopes[0], center, box=box),
        "dense": lambda: problems.DenseQuadratic(rows.T @ rows, center, box=box),
        "least_squares": lambda: problems.LeastSquares(rows, y, 0.1, box=box),
        "logistic": lambda: problems.LogisticRegression(rows, np.sign(y), 0.01, box=box),
        "linear": lambda: problems.Linear(center, box=box),
        "absolute": lambda: problems.AbsoluteValue(*slopes, center, box=box),
    }
    return makers[kind]()


def brute_force(problem, levels):
    return min(float(problem.value(np.array(w))) for w in product(levels, repeat=problem.dim))


@pytest.mark.parametrize("grid", [Grid.binary(), Grid(0.5), Grid(0.25, 0.5, (-0.875, 0.125))])
@pytest.mark.parametrize("kind", KINDS)
def test_lattice_optimum_is_the_least_of_all(kind, grid, monkeypatch):
    problem = make(kind, 3, (-1.0, 1.0))
    levels = grid.levels if grid.box else np.arange(-1, 1.25, 0.5)
    monkeypatch.setattr(module, "_CHUNK", 100)  # several chunks, the last one short
    w, value = lattice_optimum(problem, grid)
    assert grid.contains(w).all() and value == pytest.approx(float(problem.value(w)), abs=1e-15)
    assert value == pytest.approx(brute_force(problem, levels), rel=1e-12, abs=1e-14)
    assert value >= optimum(problem).value - 1e-12


def test_lattice_may_miss_the_faces_of_the_box():
    problem = problems.DenseQuadratic(np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([2.0, -2.0]), box=(-0.4, 0.9))
    w, _ = lattice_optimum(problem, 0.25)
    np.testing.assert_array_equal(w, [0.75, -0.25])


@pytest.mark.parametrize("box", [None, (-1.0, 1.0)])
@pytest.mark.parametrize("kind", ["separable", "absolute"])
def test_separable_lattices_of_any_dimension(kind, box, monkeypatch):
    problem = make(kind, 300, box)
    grid = Grid(1 / 64, 0.5)
    levels = grid.point(np.arange(-600, 600))
    levels = levels if box is None else levels[np.abs(levels) <= 1]
    w, value = lattice_optimum(problem, grid)
    assert value == pytest.approx(sum(problem.term(j, levels).min() for j in range(300)), rel=1e-12)
    monkeypatch.setattr(module, "LATTICE_POINTS", 0)  # now from the neighbours of the minimiser alone
    np.testing.assert_array_equal(lattice_optimum(problem, grid)[0], w)


def test_a_fine_separable_lattice_bounds_a_linear_objective():
    w, value = lattice_optimum(problems.Linear(np.array([1.0, -2.0])), Grid(2.0**-30, 0.0, (-1.0, 1.0)))
    np.testing.assert_array_equal(w, [-1.0, 1.0])
    assert value == -3.0


def test_lattice_bad_input():
    with pytest.raises(ValueError, match=r"at most 4194304 points, got 8388608: 2 levels in d = 23"):
        lattice_optimum(problems.DenseQuadratic(np.eye(23)), Grid.binary())
    with pytest.raises(ValueError, match=r"got about 10\^181: 4 levels in d = 300"):
        lattice_optimum(problems.DenseQuadratic(np.eye(300)), Grid(1.0, 0.5, (-1.5, 1.5)))
    with pytest.raises(ValueError, match="grid or problem must have a box"):
        lattice_optimum(make("dense", 4, None), 0.5)
    with pytest.raises(ValueError, match="grid must have a point in the problem's box"):
        lattice_optimum(make("dense", 4, (0.1, 0.2)), 1.0)
    with pytest.raises(ValueError, match="delta must be greater than 0"):
        lattice_optimum(make("dense", 4, None), -1.0)
    with pytest.raises(ValueError, match="no optimum without a box"):
        lattice_optimum(make("linear", 4, None), 0.5)
