"""Exact laws: the window, refusals, and the published and derived numbers that they reproduce."""

import math

import numpy as np
import pytest

from qtheory.exact import _paths, _window, enumerate_paths, propagate
from qtheory.methods import BC, SGD, SR
from qtheory.problems import (
    AbsoluteValue,
    DenseQuadratic,
    Gaussian,
    LeastSquares,
    Linear,
    OneBit,
    Rademacher,
    SeparableQuadratic,
)
from qtheory.schedules import Constant, InverseSqrt, InverseTime, Table


def test_equal_coordinates_are_computed_once(monkeypatch):
    calls = []
    original = _window.window_law
    monkeypatch.setattr("qtheory.exact._law.window_law", lambda *a: calls.append(a) or original(*a))
    problem = SeparableQuadratic([1.0, 2.0, 1.0] * 50, 0.3, noise=Rademacher(1.0))
    many = propagate(problem, SR(1.0), InverseTime(1.0), steps=50, start=[0.0] * 150)
    assert len(calls) == 2
    ones = [
        propagate(SeparableQuadratic([c], 0.3, noise=Rademacher(1.0)), SR(1.0), InverseTime(1.0), steps=50, start=[0.0])
        for c in (1.0, 2.0)
    ]
    np.testing.assert_allclose(many.average_gap, 100 * ones[0].average_gap + 50 * ones[1].average_gap, rtol=1e-12)
    assert len(many.final) == 150


def test_the_window_follows_the_law(monkeypatch):
    problem = AbsoluteValue([0.5], [0.25], [40.3], noise=OneBit(1.0))  # the law has geometric tails

    def run(**more):
        return propagate(problem, SR(1.0), InverseSqrt(20.0), steps=2000, start=[-200.0], **more)

    free, whole, rough = run(), run(leak=0), run(leak=1e-3)
    monkeypatch.setattr(_window, "START_STATES", 1)
    narrow = run()
    assert whole.leaked == 0 < 1e-16 < free.leaked <= 1e-12 and 1e-5 < rough.leaked <= 1e-3
    assert whole.final[0][0].size > free.final[0][0].size > rough.final[0][0].size
    for name in ("gap", "distance", "lower_gap", "mean_gap"):
        np.testing.assert_allclose(getattr(narrow, name), getattr(free, name), rtol=1e-12)
        np.testing.assert_allclose(getattr(whole, name), getattr(free, name), rtol=1e-9)
    for law in (free, whole, rough):
        assert law.final[0][1].sum() + law.leaked == pytest.approx(1, abs=1e-12)
    assert np.isnan(free.average_gap).all()


def test_a_slope_beyond_one_bit_matters_only_where_it_is_reached():
    def run(start):
        problem = SeparableQuadratic([1.0], [0.0], noise=OneBit(2.0))
        return propagate(problem, SR(1.0), Constant(0.5), steps=20, start=[start])

    assert run(1.0).gap[-1] > 0
    with pytest.raises(ValueError, match="OneBit's scale 2 is below"):
        run(3.0)


@pytest.mark.parametrize(
    ("T", "c", "a", "sampled", "recalled"),
    [
        (100_000, 4.0, 0.2, 9.66e-3, 7.62e-3),
        pytest.param(400_000, 8.0, 0.1, 10.24e-3, 7.02e-3, marks=pytest.mark.slow),
    ],
)
def test_the_counterexample_to_the_stated_bound_for_convex_functions(T, c, a, sampled, recalled):
    """F = a w on [0, 1] with one-bit gradients of size 1: above D^2/(c sqrt T) + c G^2 sqrt(T+1)/(2T) + floor."""
    problem = Linear([a], noise=OneBit(1.0), box=(0.0, 1.0))
    law = propagate(problem, SR(1e-3), InverseSqrt(c), steps=T, start=[0.0], record=[T])
    assert law.average_gap[0] == law.mean_gap[0] == pytest.approx(sampled, abs=2e-5)
    stated = 1 / (c * math.sqrt(T)) + c * math.sqrt(T + 1) / (2 * T) + 1e-3 / 2
    assert stated == pytest.approx(recalled, rel=1e-3) and law.average_gap[0] > 1.25 * stated
    assert law.average_gap[0] < 1 / (2 * c * math.sqrt(T)) + c / math.sqrt(T) + 1e-3 / 2


def test_the_floor_on_linear_functions():
    """The law tends to a truncated geometric one: E F -> (1 - rho)/2 = 0.45 of Delta G; the average lags behind."""
    problem = Linear([0.1], noise=OneBit(1.0), box=(0.0, 100.0))
    law = propagate(problem, SR(1.0), InverseSqrt(0.5), steps=1_000_000, start=[0.0], record=[1_000_000])
    assert law.average_gap[0] == pytest.approx(0.4451, abs=1e-4)
    assert law.gap[0] == pytest.approx(0.45, abs=2e-4)


def test_the_floor_on_quadratics_belongs_to_the_schedule():
    """Under c / sqrt(t) the average has none; under 1/(mu(t+1)) it keeps Delta E|g|/8, and the iterate Delta E|g|/4."""
    problem = SeparableQuadratic([1.0], [0.3], noise=Rademacher(1.0))
    steps = [100, 1000, 10_000, 100_000]
    slow = propagate(problem, SR(1.0), InverseSqrt(1.0), steps=100_000, start=[0.0], record=steps)
    np.testing.assert_allclose(slow.average_gap, [0.0305, 0.01066, 0.003484, 0.001113], rtol=1e-3)
    assert slow.mean_gap[-1] == pytest.approx(0.2652, abs=1e-4)
    fast = propagate(problem, SR(1.0), InverseTime(1.0), steps=100_000, start=[0.0], record=[100_000])
    assert fast.average_gap[0] == pytest.approx(fast.gradient_l1[0] / 8, rel=1e-4)
    assert fast.gap[0] == pytest.approx(fast.gradient_l1[0] / 4, rel=1e-4)


line = SeparableQuadratic([1.0], 0.3, noise=Rademacher(1.0))
coupled = DenseQuadratic([[2.0, 0.5], [0.5, 1.0]], noise=Rademacher(1.0))
samples = LeastSquares([[1.0], [2.0]], [1.0, 0.0], batch=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": [0.25]}, "start must lie on the grid"),
        ({"start": [0.0, 0.0]}, "start must have shape"),
        ({"problem": coupled, "start": [0.0, 0.0]}, "problem must be separable, got DenseQuadratic"),
        ({"problem": "line"}, "problem must be"),
        ({"problem": Linear([1.0], noise=OneBit(1.0))}, "linear"),
        ({"method": SGD()}, "method must be SR"),
        ({"method": BC(1.0)}, "method must be SR"),
        ({"schedule": 0.1}, "schedule must be"),
        ({"schedule": Table([0.1] * 8)}, "table needs 9 values, got 8"),
        ({"steps": 0}, "steps must be"),
        ({"record": [11]}, "record must lie"),
        ({"record": [1.5]}, "record must be"),
        ({"leak": -1e-9}, "leak must be"),
        ({"leak": 1.0}, "leak must be a probability"),
        ({"leak": 0, "problem": SeparableQuadratic([1.0], noise=Gaussian(1.0))}, "leak must be greater than 0"),
        ({"schedule": Constant(30.0), "leak": 1e-12}, "leak=1e-12 cannot be kept"),
        ({"rational": True, "schedule": InverseSqrt(1.0)}, "rational=True needs InverseTime, Constant or a Table"),
        ({"rational": True, "problem": SeparableQuadratic([1.0], noise=Gaussian(1.0))}, "finite support"),
        ({"rational": True, "problem": Linear([2.0], noise=OneBit(1.0), box=(0.0, 1.0))}, "OneBit's scale"),
    ],
)
def test_bad_input_to_propagate(change, message):
    arguments = {"problem": line, "method": SR(1.0), "schedule": InverseTime(1.0), "steps": 10, "start": [0.0]}
    with pytest.raises(ValueError, match=message):
        propagate(**arguments | change)


@pytest.mark.parametrize(
    ("problem", "method", "message"),
    [
        (SeparableQuadratic([1.0], noise=Gaussian(1.0)), SGD(), "noise must have a finite support"),
        (coupled, SGD(), "problem must be separable or one-dimensional"),
        (samples, SGD(), "batch=1"),
        (line, "SGD", "method must be"),
        (SeparableQuadratic([1.0], 0.3, noise=Rademacher(1.0), box=(1.0, 2.0)), SGD(), "start must lie in"),
    ],
)
def test_bad_input_to_enumerate_paths(problem, method, message):
    with pytest.raises(ValueError, match=message):
        enumerate_paths(problem, method, InverseTime(1.0), steps=3, start=[0.0] * problem.dim)


def test_a_tree_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(_paths, "MOST_LEAVES", 1000)
    with pytest.raises(ValueError, match=r"more than 1000 leaves by step 11, 10\d\d so far"):
        enumerate_paths(line, SGD(), InverseSqrt(1.0), steps=30, start=[0.0])
    assert enumerate_paths(line, SR(1.0), Constant(0.5), steps=14, start=[0.0]).leaves < 1000  # paths meet on a grid
