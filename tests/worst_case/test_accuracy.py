"""What the solver cannot do is an error, never a value; and how long it takes is known beforehand."""

import contextlib
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from importlib import import_module

import pytest

from qtheory.optimum import InaccurateSolve
from qtheory.schedules import Constant, InverseSqrt
from qtheory.worst_case import BC, MEASURES, SGD, SR, Convex, Program, seconds, solve
from qtheory.worst_case.solve import SETTINGS

from .test_solve import CASES, PLAIN, SMOOTH, value

solving = import_module("qtheory.worst_case.solve")  # the name `solve` is the function's


@pytest.mark.parametrize("case", ["SGD", "SR, concave"])
def test_a_solver_that_stops_early_gives_no_value(case, monkeypatch):
    monkeypatch.setitem(SETTINGS, "max_iter", 3)
    with pytest.raises(InaccurateSolve, match=r"user_limit.*dual equations missed by \d"):
        solve(CASES[case])


def test_a_solver_that_stalls_is_run_again(monkeypatch):
    good, stalls = value(PLAIN), {"max_iter": 3}
    monkeypatch.setattr(solving, "AGAIN", (stalls, stalls, {}))
    assert value(PLAIN) == good
    monkeypatch.setattr(solving, "AGAIN", (stalls, stalls))
    with pytest.raises(InaccurateSolve, match="user_limit"):
        value(PLAIN)


def test_what_has_no_strict_solution_is_solved():
    """BC without energy asks for the same gradient twice."""
    for measure in MEASURES:
        program = replace(SMOOTH, method=BC(energy=0), measure=measure, domain="projected")
        assert value(program) == pytest.approx(value(program, method=SGD()), rel=1e-5)


def test_an_inaccurate_answer_is_no_value(monkeypatch):
    for name in ("tol_gap_abs", "tol_gap_rel", "tol_feas"):
        monkeypatch.setitem(SETTINGS, name, 0.05)
    with pytest.raises(InaccurateSolve, match=r"not precise enough: .* \d|primal and dual values differ: \d"):
        solve(CASES["SR"])


def test_a_solver_that_panics_gives_no_value():
    """Clarabel's eigenvalues fail here, with an error that is no Exception."""
    with contextlib.suppress(InaccurateSolve):  # other versions may do better
        solve(replace(PLAIN, method=SGD(), schedule=InverseSqrt(1e-9), horizon=3, domain="iterates"))

    class PanicException(BaseException):
        pass

    def panics(*_, **__):
        raise PanicException("Eigval error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvxpy.Problem.solve", panics)
        with pytest.raises(InaccurateSolve, match="the solver failed: Eigval error"):
            solve(PLAIN)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_is_heard_while_the_solver_runs():
    code = (
        "import os, signal, threading; import cvxpy; from qtheory.theorems import all_theorems as t;"
        "from qtheory.worst_case import solve; p = t()['li2017/bc_convex'].worst_case(22, measure='average value');"
        "threading.Timer(3, os.kill, [os.getpid(), signal.SIGINT]).start(); solve(p, patience=1e6)"
    )
    begin = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "KeyboardInterrupt" in found.stderr and time.perf_counter() - begin < 15


@pytest.mark.parametrize(
    "fields",
    [
        {"method": SR(kappa=1e200, adjacent=True)},
        {"method": SGD(noise=1e200)},
        {"function": Convex(G=1e308)},
        {"function": Convex(G=1e300, mu=1e-300), "distance": None},
        {"distance": 1e300},
    ],
    ids=lambda fields: "".join(fields),
)
def test_constants_beyond_the_floating_point_numbers_are_refused(fields):
    with pytest.raises(ValueError, match="choose other units"):
        solve(replace(PLAIN, **fields))


@pytest.mark.parametrize(
    ("function", "alpha", "distance"),
    [(Convex(mu=1000, G=1), 1.0, 1), (Convex(mu=0.5, G=1e-6), 1000.0, Fraction(1, 3))],
)
def test_a_small_value_is_as_precise_as_a_large_one(function, alpha, distance):
    """The residuals are held against the value: primal and dual agree relative to it, or there is no value."""
    for measure in MEASURES:
        program = Program(
            function=function, method=SGD(), schedule=Constant(alpha), horizon=3, distance=distance, domain="iterates",
            measure=measure,
        )  # fmt: skip
        with contextlib.suppress(InaccurateSolve):
            found = solve(program)
            assert found.primal == pytest.approx(found.value, rel=1e-6)


def test_absurd_units_give_no_value():
    with pytest.raises(InaccurateSolve, match="the solver ended with status"):
        solve(replace(PLAIN, distance=1e-12))
    with pytest.raises(ValueError, match="choose other units"):
        solve(replace(PLAIN, function=Convex(G=1e-200)))


@pytest.mark.parametrize("horizon", [10**3, 10**9, 10**100, 10**400])
@pytest.mark.parametrize("case", CASES)
def test_a_horizon_that_would_take_too_long_is_refused_at_once(case, horizon):
    begin = time.perf_counter()
    with pytest.raises(ValueError, match=r"horizon must be about \d+ or less .* would take about .*: lower it"):
        solve(replace(CASES[case], horizon=horizon))
    assert time.perf_counter() - begin < 2


def test_what_is_suggested_is_accepted():
    with pytest.raises(ValueError, match="allow it by patience=") as error:
        solve(replace(PLAIN, horizon=40), patience=0.6)
    words = str(error.value).split()
    assert seconds(replace(PLAIN, horizon=int(words[4]))) <= 0.6 < seconds(replace(PLAIN, horizon=int(words[4]) + 1))
    assert seconds(replace(PLAIN, horizon=40)) <= int(str(error.value).rsplit("=", 1)[1])


@pytest.mark.parametrize("case", CASES)
def test_the_estimate_counts_as_the_program_does(case):
    for horizon in (7, 9):
        world, _ = replace(CASES[case], horizon=horizon).world()
        n = len(world.names)
        unknowns = n * (n + 1) // 2 - len(world.absent) + len(world.values)
        roots = any(r.under is not None for r in world.required)
        expected = 0.5 + 2.5e-9 * (1 + roots) * len(world.required) * unknowns**2
        assert seconds(replace(CASES[case], horizon=horizon)) == pytest.approx(expected)


@pytest.mark.deep
@pytest.mark.parametrize("case", [case for case in CASES if "projected" not in case])
def test_thirty_points_take_less_than_a_minute(case):
    found = solve(replace(CASES[case], horizon=30))
    assert found.seconds < 60
    assert found.primal == pytest.approx(found.value, rel=1e-6)
