"""Every argument of every value: refused by name, before anything is solved."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from qtheory.schedules import Constant, InverseSqrt, Schedule, Table
from qtheory.theorems.li2017._worst_cases import bc_convex, sr_convex
from qtheory.worst_case import BC, SGD, SR, Convex, Program, Smooth, solve

GOOD = Program(function=Convex(G=1), method=SGD(), schedule=Constant(1), horizon=3)
NO_NUMBERS = [np.nan, np.inf, -np.inf, True, False, np.True_, "1", b"1", None, 1j, [1], 10**400, Fraction(10) ** 400]
POSITIVE = [*NO_NUMBERS, 0, -1, -1e-300, Fraction(-1, 3)]
AT_LEAST_ZERO = [*NO_NUMBERS, -1, -1e-300, Fraction(-1, 3)]


def ids(value):
    return repr(value)[:20]


def refused(name, make):
    with pytest.raises(ValueError, match=f"^{name} must be .*got "):
        make()


@pytest.mark.parametrize("value", POSITIVE, ids=ids)
def test_bounds(value):
    refused("G", lambda: Convex(G=value))
    refused("L", lambda: Smooth(L=value))
    if value is not None:  # which says that there is none
        refused("G", lambda: Smooth(G=value))
        refused("distance", lambda: replace(GOOD, distance=value))
    if not isinstance(value, bool | np.bool_):
        refused("patience", lambda: solve(GOOD, patience=value))


@pytest.mark.parametrize("value", AT_LEAST_ZERO, ids=ids)
def test_what_may_be_zero(value):
    for kind in (Convex, Smooth):
        refused("mu", lambda kind=kind: kind(mu=value))
    for kind, fields in ((SGD, {}), (SR, {"kappa": 1}), (BC, {"energy": 1})):
        refused("noise", lambda kind=kind, fields=fields: kind(noise=value, **fields))
    refused("kappa", lambda: SR(kappa=value))
    refused("energy", lambda: BC(energy=value))


@pytest.mark.parametrize("value", ["within g", "", "G", b"within G"])
def test_noise_that_is_text(value):
    refused("noise", lambda: SGD(noise=value))


@pytest.mark.parametrize("value", [0, 1, "yes", None, np.True_], ids=ids)
def test_flags(value):
    refused("concave", lambda: SR(kappa=1, concave=value))
    refused("adjacent", lambda: SR(kappa=1, adjacent=value))
    refused("stochastic", lambda: BC(energy=1, stochastic=value))


def test_L_must_exceed_mu():
    with pytest.raises(ValueError, match="L must be greater than 2, got 2"):
        Smooth(L=2, mu=2)


@pytest.mark.parametrize("value", [0, -1, True, 2.0, "3", None, np.nan, Fraction(3)], ids=ids)
def test_horizon(value):
    refused("horizon", lambda: replace(GOOD, horizon=value))


@pytest.mark.parametrize("value", ["", "Start", None, 1, True, np.nan], ids=ids)
def test_choices(value):
    refused("domain", lambda: replace(GOOD, domain=value))
    refused("measure", lambda: replace(GOOD, measure=value))


@pytest.mark.parametrize("value", [None, "SGD", SGD, Convex, Convex(), 1, True], ids=ids)
def test_kinds(value):
    refused("method", lambda: replace(GOOD, method=value))
    refused("schedule", lambda: replace(GOOD, schedule=value))
    refused("program", lambda: solve(value))
    if not isinstance(value, Convex):
        refused("function", lambda: replace(GOOD, function=value))


def test_a_distance_is_needed():
    for fields in ({}, {"function": Smooth(mu=0.5)}, {"function": Convex(mu=1), "domain": "iterates"}):
        with pytest.raises(ValueError, match="distance must be given"):
            replace(GOOD, distance=None, **fields)
    assert solve(replace(GOOD, distance=None, function=Convex(mu=1))).value > 0


@pytest.mark.parametrize(
    "fields", [{"method": SR(kappa=1)}, {"method": SGD(noise="within G")}, {"domain": "projected"}], ids=str
)
def test_a_bound_of_gradients_is_needed(fields):
    refused("function", lambda: replace(GOOD, function=Smooth(L=1), **fields))


def test_a_table_that_is_too_short():
    table = Table([1.0, 0.5])
    assert solve(replace(GOOD, schedule=table, horizon=3)).value > 0
    for horizon in (4, 10**9, 10**100):
        with pytest.raises(ValueError, match=r"schedule must reach as far as step .*the table has 2 values"):
            replace(GOOD, schedule=table, horizon=horizon)


class Odd(Schedule):
    def __init__(self, value):
        self.value = value

    def _alpha(self, t):
        return np.full(t.shape, self.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_a_schedule_of_ones_own_that_gives_no_step(value):
    with pytest.raises(ValueError, match="schedule must be"):
        replace(GOOD, schedule=Odd(value))


@pytest.mark.parametrize("value", AT_LEAST_ZERO, ids=ids)
def test_kappa_of_a_theorem(value):
    for of_theorem in (sr_convex, bc_convex):
        with pytest.raises(ValueError, match="kappa must be"):
            of_theorem(3, value, 1, {})


def test_good_values_are_kept():
    program = replace(GOOD, method=SR(kappa=0.1, noise="within G"), schedule=InverseSqrt(1.0), horizon=np.int64(3))
    assert program.horizon == 3 and type(program.horizon) is int
    assert program.method.kappa == Fraction(1, 10)
    assert Smooth(L=Fraction(4, 3)).L * 3 == 4 and Smooth().G is None
