import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from qtheory.testing import numbers
from qtheory.theorems.jeong2025._population import HittingCase
from qtheory.theorems.jeong2025.population_hitting_time import THEOREM, first_visit, rate
from qtheory.two_layer import population
from tests.theorems.checks import shipped

signs = st.sampled_from([-1.0, 1.0])
dyadic = st.integers(-64, 64).map(lambda k: k / 16)


def test_shipped_instances():
    shipped(THEOREM)


@given(st.lists(st.tuples(numbers(-2, 2), signs), min_size=1, max_size=6), numbers(-4, 6).map(lambda x: 10**x))
def test_every_step_size_leads_to_the_teacher(start, step):
    u, w_star = zip(*start, strict=True)
    case = HittingCase(name="drawn", u=u, w_star=w_star, step=max(step, 1e-3), ste="relu")
    assert THEOREM.check(case).verdict == "holds"


@given(st.lists(st.tuples(dyadic, signs), min_size=1, max_size=6), st.integers(1, 40))
def test_starts_on_the_lattice_of_the_steps(start, units):
    # h = 2 rate = units / 16: zero is met exactly again and again.
    u, w_star = zip(*start, strict=True)
    step = Fraction(units, 32)
    assert population.hitting_time(u, w_star, step, 1) == first_visit(u, w_star, step)


def test_the_two_sides_differ_by_one_exactly_on_the_lattice():
    for u, late in ((Fraction(3), 1), (Fraction(3) + Fraction(1, 7), 0)):
        [up] = population.crossing_times([-u], [1], Fraction(1, 2), 1)
        [down] = population.crossing_times([u], [-1], Fraction(1, 2), 1)
        assert down - up == late
        assert (up, down) == (first_visit([-u], [1], Fraction(1, 2)), first_visit([u], [-1], Fraction(1, 2)))


def test_right_signs_do_not_move_and_wrong_ones_do_not_turn_back():
    case = HittingCase(name="drawn", u=(-1.0, 0.3, 0.7), w_star=(1.0, -1.0, 1.0), step=0.3)
    T = int(THEOREM.measure(case, seed=0, failure=0.5).estimate)
    times = population.crossing_times(case.u, case.w_star, case.step, Fraction(rate(case)) / Fraction(case.step))
    u = [Fraction(x) for x in case.u]
    for t in range(T + 3):
        q = [1 if x >= 0 else -1 for x in u]
        assert [a == b for a, b in zip(q, case.w_star, strict=True)] == [t >= k for k in times]
        u = [x - rate(case) * (a - int(b)) for x, a, b in zip(u, q, case.w_star, strict=True)]


def test_a_thousand_times_smaller_steps_take_a_thousand_times_longer():
    start = {"u": (-1.0, 0.3), "w_star": (1.0, -1.0)}
    short, long = (THEOREM.claim(HittingCase(name="drawn", step=step, **start)).high for step in (1e-2, 1e-5))
    assert 1000 * (short - 1) < long <= 1000 * short


def test_the_next_number_below_the_lattice_saves_the_step():
    # toward -1: at 0 it takes one more step than just below a multiple of h
    h = 2 * 0.25
    for u, expected in ((3 * h, 4), (math.nextafter(3 * h, 0.0), 3)):
        assert population.crossing_times([u], [-1], 0.25, 1) == (expected,)
