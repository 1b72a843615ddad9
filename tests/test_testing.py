"""The public strategies draw what they promise."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from qtheory import testing
from qtheory.exact import enumerate_paths, propagate
from qtheory.methods import BC, SGD, SR, R
from qtheory.problems import AbsoluteValue, Gaussian, Linear, NoNoise, OneBit, Rademacher, SeparableQuadratic
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.schedules import Constant, InverseSqrt, InverseTime, Table


def kinds_drawn(strategy):
    seen = set()

    @settings(max_examples=100, phases=[Phase.generate])
    @given(strategy)
    def draw(value):
        seen.add(type(value))

    draw()
    return seen


@given(testing.grids(levels=12), testing.grids(boxed=True), testing.grids(boxed=False))
def test_grids(grid, boxed, unbounded):
    assert unbounded.box is None and boxed.box is not None
    if grid.box is not None:
        assert 2 <= grid.levels.size <= 12


@pytest.mark.parametrize(
    ("strategy", "kinds"),
    [
        (testing.noises(), {NoNoise, Rademacher}),
        (testing.noises(finite=False, slope=2.0), {NoNoise, Rademacher, Gaussian, OneBit}),
        (testing.schedules(), {Constant, InverseTime, InverseSqrt, Table}),
        (testing.schedules(rational=True), {Constant, InverseTime, Table}),
        (testing.methods(), {SGD, R, SR, BC}),
        (testing.methods().map(lambda m: getattr(m, "quantizer", SGD())), {SGD, StochasticRounding, NearestRounding}),
        (testing.piecewise_linear(box=(-1.0, 1.0)), {Linear, AbsoluteValue}),
        (testing.piecewise_linear(), {AbsoluteValue}),
        (testing.sr_runs().map(lambda run: run.problem), {SeparableQuadratic, AbsoluteValue, Linear}),
        (testing.sr_runs().map(lambda run: run.problem.noise), {NoNoise, Rademacher, OneBit}),
    ],
)
def test_every_kind_is_drawn_and_no_other(strategy, kinds):
    assert kinds_drawn(strategy) == kinds


@given(testing.methods(Grid(0.25)))
def test_methods_keep_to_the_grid_given(method):
    assert isinstance(method, SGD) or method.grid == Grid(0.25)


@given(testing.spectra(), testing.spectra(dim=5))
def test_spectra_are_positive(spectrum, five):
    assert 1 <= spectrum.size <= 3 and five.shape == (5,)
    assert (spectrum > 0).all() and np.array_equal(spectrum * 16, np.rint(spectrum * 16))


@given(testing.schedules(steps=9))
def test_schedules_reach_as_far_as_the_run(schedule):
    sizes = schedule(np.arange(1, 9))
    assert (sizes >= 0).all() and (sizes <= 0.5).all()


@given(testing.separable_quadratics(box=(-1.0, 1.0)) | testing.piecewise_linear(box=(-1.0, 1.0)), st.data())
def test_noises_have_the_gradient_as_their_mean_everywhere_in_the_box(problem, data):
    w = data.draw(st.floats(-1, 1))
    values, chances = problem.noise.support(problem.gradient(np.full(problem.dim, w)))
    assert (chances >= 0).all()
    np.testing.assert_allclose((values * chances).sum(axis=-1), problem.gradient(np.full(problem.dim, w)), atol=1e-12)


@given(testing.sr_runs())
def test_runs_are_on_the_grid_in_the_box_and_small_enough_to_propagate(run):
    grid = run.method.grid.within(run.problem.box)
    assert 1 <= run.steps <= 12 and run.problem.dim <= 3
    assert run.start.shape == (run.problem.dim,) and grid.contains(run.start).all()
    law = propagate(*run.setting, steps=run.steps, start=run.start, record=[run.steps])
    assert np.isfinite(law.gap).all() and law.gap[-1] >= -1e-9 and law.leaked <= 1e-12
    for indices, chances in law.final:
        assert grid.contains(grid.point(indices)).all() and chances.sum() == pytest.approx(1)


@given(testing.sr_runs(steps=4, most=1, rational=True))
def test_rational_runs_are_followed_in_exact_fractions(run):
    law = propagate(*run.setting, steps=run.steps, start=run.start, record=[run.steps], rational=True)
    paths = enumerate_paths(*run.setting, steps=run.steps, start=run.start, rational=True)
    assert law.gap[-1] == paths.gap[-1] and law.distance[-1] == paths.distance[-1]


def test_a_false_bound_is_refuted_with_a_small_run():
    run = find(testing.sr_runs(), lambda run: propagate(*run.setting, steps=run.steps, start=run.start).gap[-1] > 1)
    assert run.steps == 1 and run.problem.dim == 1


def test_the_module_says_what_it_needs():
    code = "import sys; sys.modules['hypothesis'] = None; import qtheory.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.splitlines()[-1] == "ImportError: qtheory.testing needs Hypothesis: pip install 'qtheory[test]'"
    code = "import qtheory, qtheory.simulate, sys; assert 'hypothesis' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
