"""The search for hard instances: inside the program's assumptions, measured honestly, and below the program's value."""

import numpy as np
import pytest

from qtheory import methods
from qtheory.exact import propagate
from qtheory.problems import Interpolant
from qtheory.schedules import InverseSqrt
from qtheory.simulate import simulate
from qtheory.worst_case import BC, SGD, SR, Convex, Program, Smooth, search, search_bc, solve, worst_function

SETTINGS = {"evaluations": 200, "trials": 1024}


@pytest.fixture(scope="module")
def found():
    return {kappa: search(5, kappa, **SETTINGS) for kappa in (0.1, 1.0)}


@pytest.mark.parametrize("kappa", [0.1, 1.0])
def test_what_is_found_meets_the_assumptions_and_stays_below_the_program(found, kappa):
    program = Program(function=Convex(G=1), method=SR(kappa=kappa), schedule=InverseSqrt(1), horizon=5)
    bounds = [
        solve(program).value,
        solve(Program(**{**vars(program), "measure": "average value"})).value,
    ]
    for f in found[kappa]:
        w = f.problem.closed_form()[0]
        assert np.linalg.norm(f.start - w) <= 1 + 1e-9
        assert f.problem.constants.G.value <= 1 + 1e-9
        assert np.sqrt(f.problem.dim) * f.method.grid.delta <= kappa * (1 + 1e-9)
        assert f.average_point - 5 * f.errors[1] <= f.average_value + 5 * f.errors[0]
        assert f.average_value - 5 * f.errors[0] <= bounds[1]
        assert f.average_point - 5 * f.errors[1] <= bounds[0]
    values = [f.average_value for f in found[kappa]]
    assert values == sorted(values, reverse=True)
    assert {f.family for f in found[kappa]} == {"kink", "lifted"}
    assert values[0] > (0.85 if kappa == 0.1 else 0.5) * bounds[1]


@pytest.mark.parametrize("kappa", [0.1, 1.0])
def test_the_numbers_are_those_of_the_instance(found, kappa):
    for f in found[kappa]:
        run = simulate(
            f.problem, f.method, f.schedule, steps=5, start=f.start, trials=2000, seed=99, record=np.arange(1, 6),
            progress=False,
        )  # fmt: skip
        assert run.values["gap"].mean() == pytest.approx(f.average_value, abs=0.03)
        assert run.last("average_gap").mean() == pytest.approx(f.average_point, abs=0.03)
        if f.family == "kink":
            law = propagate(f.problem, f.method, f.schedule, steps=5, start=f.start, record=[5])
            assert f.average_value == pytest.approx(float(law.mean_gap[0]), rel=1e-12)
            assert f.errors[0] == 0


def test_the_search_is_reproducible_and_takes_other_units(found):
    again = search(5, 0.1, **SETTINGS)
    assert [(f.family, f.average_value, f.average_point) for f in again] == [
        (f.family, f.average_value, f.average_point) for f in found[0.1]
    ]
    assert search(3, 0.1, c=0.5, seed=3, **SETTINGS)[0].average_value > 0.55


def test_the_search_looks_for_the_average_point_where_it_is_asked_to(found):
    asked = search(5, 1.0, measure="average point", **SETTINGS)
    points = [f.average_point for f in asked]
    assert points == sorted(points, reverse=True)
    assert points[0] > max(f.average_point for f in found[1.0]) - 0.02


def test_in_many_dimensions_rounding_does_no_good():
    """The worst function of SGD in the lattice of 4000 weights: SR with κ = 0.1 does what SGD does."""
    T, d, kappa = 5, 4000, 0.1
    worst = worst_function(solve(Program(function=Convex(G=1), method=SGD(), schedule=InverseSqrt(1), horizon=T)),
                           margin=2e-3)  # fmt: skip
    F, axes = worst.problem, np.linalg.qr(np.random.default_rng(0).normal(size=(d, worst.dim)))[0]
    lifted = Interpolant(
        (F.points - worst.start) @ axes.T, F.gradients @ axes.T, F.values, minimiser=-axes @ worst.start,
        tolerance=1e-6,
    )  # fmt: skip
    run = simulate(
        lifted, methods.SR(kappa / d**0.5), InverseSqrt(1), steps=T, start=np.zeros(d), trials=128, record=[T],
        progress=False,
    )  # fmt: skip
    gaps = run.last("average_gap")
    assert gaps.mean() == pytest.approx(worst.stepped(), abs=0.005)
    assert 0.53 < worst.stepped() < 0.543


@pytest.mark.parametrize("measure", ["average point", "average value"])
@pytest.mark.parametrize(("T", "kappa", "share"), [(2, 0.1, 0.995), (5, 0.1, 0.985), (5, 1.0, 0.68)])
def test_bc_comes_close_to_its_program_and_not_above(T, kappa, share, measure):
    f = search_bc(T, kappa, measure=measure, evaluations=1200)
    program = Program(
        function=Smooth(L=1), method=BC(energy=kappa**2 / 4), schedule=InverseSqrt(1), horizon=T, measure=measure
    )
    value = f.average_point if measure == "average point" else f.average_value
    assert share * solve(program).value <= value <= solve(program).value
    assert f.average_point <= f.average_value + 1e-12
    assert f.problem.L <= 1
    assert f.method.grid.delta <= kappa
    assert abs(f.start[0] - f.problem.minimiser[0]) <= 1


@pytest.mark.deep
def test_bc_simulated_has_the_law_that_was_followed():
    f = search_bc(6, 1.0, c=0.8, seed=1, evaluations=200)
    run = simulate(
        f.problem, f.method, f.schedule, steps=6, start=f.start, trials=20_000, record=np.arange(1, 7), progress=False
    )
    for gaps, exact in ((run.values["gap"].mean(axis=0), f.average_value), (run.last("average_gap"), f.average_point)):
        assert abs(gaps.mean() - exact) < 5 * gaps.std() / np.sqrt(gaps.size)


def test_bad_input_of_the_search_for_bc_is_refused():
    for change in ({"horizon": 17}, {"kappa": -1.0}, {"measure": "best"}, {"c": 0.0}, {"evaluations": 3}):
        with pytest.raises(ValueError, match=next(iter(change))):
            search_bc(**{"horizon": 3, "kappa": 0.1, **change})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"horizon": 1}, "horizon"),
        ({"horizon": 10**6}, "horizon must be about"),
        ({"kappa": 0.0}, "kappa"),
        ({"kappa": np.nan}, "kappa"),
        ({"c": -1.0}, "c must"),
        ({"measure": "last"}, "measure"),
        ({"seed": -1}, "seed"),
        ({"evaluations": 1}, "evaluations"),
        ({"trials": 1}, "trials"),
    ],
)
def test_bad_input_is_refused(change, match):
    with pytest.raises(ValueError, match=match):
        search(**{"horizon": 3, "kappa": 0.1, **change})
