"""Worst functions run: through `simulate` and by hand they are as bad as their programs say, and in their classes."""

from itertools import combinations

import numpy as np
import pytest

from qtheory.optimum import InaccurateSolve
from qtheory.schedules import Constant, InverseSqrt, InverseTime, Table
from qtheory.theorems import all_theorems
from qtheory.worst_case import BC, MEASURES, SGD, SR, Convex, Program, Smooth, solve, worst_function


def found(**fields):
    solution = solve(Program(**{"method": SGD(), "schedule": InverseSqrt(1), **fields}))
    return solution, worst_function(solution)


def stepped(worst):
    """The measure, from the function's data alone: a method of three lines, with the tests' own maximum."""
    program, F = worst.program, worst.problem
    w, path = worst.start, [worst.start]
    for t in range(1, program.horizon):
        w = w - float(program.schedule(t)) * F.gradient(w + worst.errors[t - 1])
        path.append(w)
    if F.L is None:
        square = np.sum(F.points**2, axis=1)
        heights, slopes = F.values - F.mu / 2 * square, F.gradients - F.mu * F.points
        value = lambda x: max(heights + np.sum(slopes * (x - F.points), axis=1)) + F.mu / 2 * x @ x  # noqa: E731
    else:
        value = F.value
    gaps = [value(x) - value(np.zeros(worst.dim)) for x in path]
    return {
        "average point": value(np.mean(path, axis=0)) - value(np.zeros(worst.dim)),
        "average value": np.mean(gaps), "last": gaps[-1], "best": min(gaps),
    }[program.measure]  # fmt: skip


CLASSES = {
    "convex": {"function": Convex(G=1)},
    "convex, G = 3, D = 2": {"function": Convex(G=3), "distance": 2},
    "convex, long steps": {"function": Convex(G=1), "domain": "iterates", "schedule": InverseSqrt(2)},
    "strongly convex": {"function": Convex(G=1, mu=1), "schedule": InverseTime(1), "distance": None},
    "smooth": {"function": Smooth(L=1), "schedule": Constant(1.0)},
    "smooth, a table": {"function": Smooth(L=1), "schedule": Table(np.linspace(1.5, 0.5, 12))},
    "smooth, gradients bounded": {"function": Smooth(L=1, G=0.5)},
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("T", [2, 3, 5, 8, 12])
@pytest.mark.parametrize("measure", MEASURES)
def test_simulated_it_is_as_bad_as_the_program_says(name, T, measure):
    solution, worst = found(**CLASSES[name], horizon=T, measure=measure)
    assert worst.simulated() == pytest.approx(solution.value, abs=1e-6)
    assert worst.stepped() == pytest.approx(solution.value, abs=1e-6)
    assert stepped(worst) == pytest.approx(worst.stepped(), abs=1e-9)
    assert worst.dim < len(solution.gram)


@pytest.mark.parametrize("T", [2, 5, 8])
@pytest.mark.parametrize("function", [Convex(G=1), Smooth(L=1), Smooth(L=1, G=0.5)])
@pytest.mark.parametrize("measure", MEASURES)
def test_an_adversary_rounds(T, function, measure):
    method = BC(energy=0.01, stochastic=False)
    solution, worst = found(function=function, method=method, horizon=T, measure=measure)
    assert stepped(worst) == pytest.approx(solution.value, abs=1e-6)
    assert worst.stepped() == pytest.approx(solution.value, abs=1e-6)
    assert np.linalg.norm(worst.errors, axis=1).max() <= 0.1
    with pytest.raises(ValueError, match="adversary"):
        worst.simulated()


@pytest.mark.parametrize("name", CLASSES)
def test_it_is_in_its_class(name):
    _, worst = found(**CLASSES[name], horizon=5)
    F, program = worst.problem, worst.program
    box = np.random.default_rng(0).normal(size=(200, worst.dim)) * 2
    x = np.vstack([F.points, box, worst.iterates()])
    f, g = F.value(x), F.gradient(x)
    if program.distance is not None:
        assert np.linalg.norm(worst.start) <= program.distance
    if program.function.G is not None:
        assert np.linalg.norm(F.gradients, axis=1).max() <= program.function.G
    if F.L is None and F.mu == 0:
        assert np.linalg.norm(g, axis=1).max() <= program.function.G
    for i, j in combinations(range(0, len(x), 3), 2):
        rise, step, bend = f[i] - f[j] - g[j] @ (x[i] - x[j]), x[i] - x[j], g[i] - g[j]
        assert rise >= F.mu / 2 * step @ step - 1e-9
        if F.L is not None:
            assert rise >= bend @ bend / (2 * F.L) - 1e-9
    assert f.min() >= F.closed_form()[1] - 1e-12


def test_it_does_not_hang_on_ties():
    """A start that is moved by less than the margin leads to the same pieces: the run is stable."""
    solution = solve(Program(function=Convex(G=1), method=SGD(), schedule=InverseSqrt(1), horizon=5))
    worst = worst_function(solution, margin=1e-3)
    F, w = worst.problem, worst.start + 1e-5
    for t, exact in enumerate(worst.iterates(), 1):
        np.testing.assert_allclose(w, exact, atol=1e-4)
        w = w - float(InverseSqrt(1)(t)) * F.gradient(w)
    assert solution.value - 0.01 < worst.stepped() < solution.value


@pytest.mark.parametrize(("T", "c"), [(8, 2), (12, 3)])
def test_the_stated_bound_fails_after_eight_steps(T, c):
    """Erratum E3 without noise and rounding: within the unit ball about w*, where the proof needs E|w_t - w*|² <= D².

    The gap is above the recalled bound in both its forms, with D²/(c√T) and D²/(2c√T), and below the corrected one.
    """
    theorems = all_theorems()
    _, worst = found(function=Convex(G=1), schedule=InverseSqrt(c), domain="iterates", horizon=T)
    assert np.linalg.norm(worst.iterates(), axis=1).max() <= 1
    assert worst.simulated() > 1.04 * theorems["li2017/sr_convex_stated"].worst_bound(T, c=c)
    assert worst.simulated() < theorems["li2017/sr_convex"].worst_bound(T, c=c)


def test_two_steps_are_an_equilateral_triangle():
    """T = 2, c = 1: w*, w_1 and w_2 are a unit apart, and so is the height F = 3/4 over the middle of w_1 w_2."""
    solution, worst = found(function=Convex(G=1), horizon=2)
    w = np.vstack([np.zeros(2), worst.iterates()])
    assert worst.dim == 2
    np.testing.assert_allclose([np.linalg.norm(a - b) for a, b in combinations(w, 2)], 1, atol=1e-5)
    assert solution.value == pytest.approx(0.75, abs=1e-7)


REFUSED = [
    ({"method": SR(kappa=0.1)}, "rounding"),
    ({"method": SGD(noise=0.1)}, "noise"),
    ({"domain": "projected"}, "projected"),
    ({"method": BC(energy=0)}, "SGD"),
]


@pytest.mark.parametrize(("fields", "match"), REFUSED)
def test_bad_input_is_refused(fields, match):
    with pytest.raises(ValueError, match=match):
        found(function=Convex(G=1), horizon=3, **fields)


def test_data_of_no_function_is_a_solver_that_is_too_inaccurate():
    """Gradients a billion times shorter than L D."""
    with pytest.raises(InaccurateSolve, match="no function was found"):
        found(function=Smooth(L=1000, G=1e-6), schedule=Constant(2), domain="iterates", horizon=4, measure="best")


def test_bad_margins_are_refused():
    solution = solve(Program(function=Convex(G=1), method=SGD(), schedule=InverseSqrt(1), horizon=3))
    for margin in (0, -1e-9, np.nan, "small"):
        with pytest.raises(ValueError, match="margin"):
            worst_function(solution, margin=margin)
    with pytest.raises(InaccurateSolve):
        worst_function(solution, margin=10.0)
