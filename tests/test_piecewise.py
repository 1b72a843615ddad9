import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.methods import BC, SGD, SR
from qtheory.optimum import optimum
from qtheory.problems import Gaussian, NoNoise, PiecewiseQuadratic
from qtheory.quantizers import Grid, NearestRounding
from qtheory.schedules import Constant
from qtheory.simulate import simulate
from qtheory.testing import numbers

GRID = Grid(0.5, box=(-4.0, 8.0))


def toy(w):
    """The function as it is written down, piece by piece."""
    return np.where(w < 1, w**2 + 2, np.where(w < 3.5, (w - 2.5) ** 2 + 0.75, (w - 4.75) ** 2 + 0.19))


def test_the_toy_is_the_function_that_is_written_down():
    w = np.linspace(-4, 8, 1201)
    problem = PiecewiseQuadratic.li2017_toy()
    assert np.allclose(problem.value(w[:, None]), toy(w), rtol=1e-14)
    inside = np.abs(w[:, None] - problem.knots).min(axis=1) > 1e-3
    slopes = (toy(w + 1e-6) - toy(w - 1e-6)) / 2e-6
    assert np.allclose(problem.gradient(w[:, None])[inside, 0], slopes[inside], atol=1e-6)


def test_its_global_minimum():
    best = optimum(PiecewiseQuadratic.li2017_toy(dimension=3))
    assert best.w.tolist() == [4.75] * 3 and best.value == pytest.approx(3 * 0.19)


@given(st.lists(numbers(-3, 3), min_size=1, max_size=3, unique=True).map(sorted), st.data())
def test_the_optimum_is_below_a_fine_scan(knots, data):
    def some(*ends):
        return data.draw(st.lists(numbers(*ends), min_size=len(knots) + 1, max_size=len(knots) + 1))

    problem = PiecewiseQuadratic(knots, some(0, 3), some(-4, 4), some(-2, 2), box=(-4.0, 4.0))
    w = np.linspace(-4, 4, 2001)[:, None]
    assert problem.closed_form()[1] <= problem.value(w).min() + 1e-12
    assert np.abs(problem.gradient(w)).max() <= problem.constants.G.value * (1 + 1e-12)


def test_the_compiled_slope_and_value_agree_with_it():
    problem, start = PiecewiseQuadratic.li2017_toy(dimension=7), np.array([-3.0, 0.5, 1.0, 2.2, 3.5, 6.0, 7.9])
    run = simulate(problem, SGD(), Constant(0.01), steps=2, trials=1, start=start, keep_final=True, record=[1, 2])
    assert np.allclose(run.final[0], start - 0.01 * problem.gradient(start), rtol=1e-15, atol=0)
    assert run.values["gap"][0, 0] == pytest.approx(problem.value(start) - 7 * 0.19, rel=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"knots": [1.0, 1.0]}, "ascending"), ({"curvature": [1.0]}, "shape"), ({"curvature": [1, -1, 1]}, "negative"),
        ({"knots": [np.nan, 1.0]}, "finite"), ({"dimension": 0}, "dimension"), ({"knots": []}, "empty"),
    ],
)  # fmt: skip
def test_bad_pieces_are_refused(change, message):
    good = {"knots": [0.0, 1.0], "curvature": [1, 1, 1], "center": [0, 1, 2], "offset": [0, 0, 0]}
    with pytest.raises(ValueError, match=message):
        PiecewiseQuadratic(**{**good, **change})


def test_flat_far_out_needs_a_box():
    with pytest.raises(ValueError, match="box"):
        PiecewiseQuadratic([0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]).closed_form()


# Visits


def visits(method, *, noise=None, trials=40, steps=30, precision="double", **more):
    problem = PiecewiseQuadratic.li2017_toy(noise or Gaussian(2.0), dimension=3)
    return simulate(
        problem, method, Constant(0.3), steps=steps, trials=trials, seed=5, record=[steps], visits=GRID,
        precision=precision, **more,
    ).visits  # fmt: skip


@pytest.mark.parametrize("method", [SR(GRID), BC(GRID), BC(NearestRounding(GRID)), SGD()], ids=lambda m: m.name)
def test_every_step_but_the_last_counts_once(method):
    found = visits(method)
    assert found.dtype == np.int64 and found.shape == GRID.levels.shape and found.sum() == 40 * 3 * 29


@pytest.mark.parametrize("precision", ["double", "single"])
def test_visits_are_where_the_run_was(precision):
    problem = PiecewiseQuadratic.li2017_toy(Gaussian(2.0), dimension=3)
    expected = np.zeros(GRID.levels.size, int)
    for steps in range(1, 12):  # the last iterate of a shorter run is an iterate of the longer one
        run = simulate(
            problem, SR(GRID), Constant(0.3), steps=steps, trials=40, seed=5, record=[steps], keep_final=True,
            precision=precision,
        )  # fmt: skip
        expected += np.bincount((2 * (run.final.ravel() + 4)).astype(int), minlength=GRID.levels.size)
    assert visits(SR(GRID), steps=12, precision=precision).tolist() == expected.tolist()


def test_visits_do_not_depend_on_threads_or_on_how_trials_are_split():
    whole = visits(BC(GRID), trials=300)
    parts = visits(BC(GRID), trials=130, threads=1) + visits(BC(GRID), trials=170, first_trial=130, threads=2)
    assert whole.tolist() == parts.tolist()


def test_what_lies_beyond_the_grid_counts_at_its_faces():
    problem = PiecewiseQuadratic.li2017_toy(NoNoise(), box=None)
    run = simulate(
        problem, SGD(), Constant(1e-9), steps=11, trials=2, start=[100.0], record=[11], visits=Grid(1.0, box=(0, 3))
    )
    assert run.visits.tolist() == [0, 0, 0, 20]


@pytest.mark.parametrize(("grid", "message"), [(0.5, "visits must be"), (Grid(0.5), "box")])
def test_visits_need_a_finite_grid(grid, message):
    with pytest.raises(ValueError, match=message):
        simulate(PiecewiseQuadratic.li2017_toy(), SR(GRID), Constant(0.1), steps=3, visits=grid)
