"""The worst cases of the convex theorems: below the bounds that hold, above those that do not."""

from dataclasses import replace
from fractions import Fraction

import pytest

from qtheory.schedules import InverseSqrt
from qtheory.theorems import all_theorems
from qtheory.worst_case import Convex, Smooth, solve

THEOREMS = all_theorems()
HOLD = ["li2017/sr_convex", "li2017/bc_convex", "li2017/sr_strongly_convex", "li2017/bc_strongly_convex"]
FALSE = ["li2017/sr_convex_stated", "li2017/bc_convex_stated"]


def ratio(name, T, kappa, **options):
    theorem = THEOREMS[name]
    return solve(theorem.worst_case(T, kappa=kappa, **options)).value / theorem.worst_bound(T, kappa=kappa)


@pytest.mark.parametrize("measure", ["average point", "average value"])
@pytest.mark.parametrize("kappa", [0, 0.1, Fraction(1, 2), 2])
@pytest.mark.parametrize("name", HOLD)
def test_no_worst_case_exceeds_a_bound_that_is_proved(name, kappa, measure):
    for T in (1, 2, 3, 6):
        assert ratio(name, T, kappa, measure=measure) <= 1 + 1e-7


@pytest.mark.parametrize("kappa", [0, 0.1])
@pytest.mark.parametrize("name", HOLD)
def test_the_bounds_are_of_the_right_size(name, kappa):
    assert ratio(name, 8, kappa) > 0.1


@pytest.mark.parametrize("name", FALSE)
def test_the_stated_rate_is_refuted(name):
    """E3: the second term is a factor 2 too small. Longer steps show it without rounding: c = 2, T = 12."""
    steep = {} if name.startswith("li2017/sr") else {"function": Smooth(L=9, G=1)}
    theorem = THEOREMS[name]
    for T, refuted in ((3, False), (12, True)):
        value = solve(theorem.worst_case(T, c=2, **steep)).value
        assert (value > 1.1 * theorem.worst_bound(T, c=2)) is refuted


def test_the_sharper_first_term_is_refuted_from_three_steps_on():
    """With D²/(2 c sqrt T) in place of D²/(c sqrt T): 0.622 at T = 3 and 0.2946 at T = 12."""
    theorem = THEOREMS["li2017/sr_convex_stated"]
    for T, stated in ((2, 0.787), (3, 0.622), (12, 0.2946)):
        bound = theorem.worst_bound(T) - 1 / (2 * T**0.5)
        assert bound == pytest.approx(stated, abs=6e-4)
        for domain in ("start", "iterates"):
            assert (solve(theorem.worst_case(T, domain=domain)).value > bound) is (T >= 3)


@pytest.mark.parametrize("kappa", [0.3])
@pytest.mark.parametrize("name", HOLD[:2])
def test_units(name, kappa):
    """In units where G = 3 and D = 2, and so L = 3/2: G D times as much for the schedule c D/G and κ D."""
    theorem, c = THEOREMS[name], 0.7
    plain = theorem.worst_case(4, kappa=kappa, c=c)
    smooth = isinstance(plain.function, Smooth)
    function = Smooth(L=1.5, G=3) if smooth else Convex(G=3)
    scaled = theorem.worst_case(4, kappa=2 * kappa, distance=2, schedule=InverseSqrt(c * 2 / 3), function=function)
    assert solve(scaled).value == pytest.approx(6 * solve(plain).value, rel=1e-6)


def test_options_replace_fields():
    for name in HOLD + FALSE:
        program = THEOREMS[name].worst_case(5, kappa=0.1)
        other = THEOREMS[name].worst_case(5, kappa=0.1, measure="last", domain="start")
        assert other == replace(program, measure="last", domain="start")
        assert program.exact is False


@pytest.mark.parametrize("name", HOLD)
def test_more_rounding_is_worse(name):
    values = [solve(THEOREMS[name].worst_case(4, kappa=kappa)).value for kappa in (0, 0.1, 0.4)]
    assert values[0] < values[1] < values[2]


def test_theorems_without_a_program_say_so():
    with pytest.raises(ValueError, match="li2017/bc_strongly_convex_stated has no worst-case program"):
        THEOREMS["li2017/bc_strongly_convex_stated"].worst_case(3)
