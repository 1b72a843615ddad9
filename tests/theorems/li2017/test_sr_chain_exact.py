from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.markov import closed_form, sr_chain, sr_limit
from qtheory.methods import SR
from qtheory.problems import Finite, OneBit, Rademacher, SeparableQuadratic
from qtheory.quantizers import Grid
from qtheory.testing import numbers
from qtheory.theorems.li2017._chains import chain_case, toy
from qtheory.theorems.li2017.sr_chain_exact import THEOREM
from tests.theorems.checks import shipped


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=25)
@given(numbers(-0.9375, 0.9375), numbers(0.0625, 1), st.integers(1, 8))
def test_the_law_is_the_product_formula_whatever_the_step(center, share, levels):
    problem = SeparableQuadratic([1.0], center, noise=OneBit(4.0), box=(-1.0, 1.0))
    grid = Grid(2.0**-levels if levels < 4 else 0.25)
    evidence = THEOREM.check(chain_case("drawn", problem, share * grid.delta / 4, grid))
    assert evidence.verdict == "holds" and evidence.measured.high == 0.0


def test_a_step_of_the_chain_is_the_identity_plus_alpha_times_the_generator():
    problem, method, alpha = toy(Rademacher(2.0), box=(-1.0, 6.0)), SR(Grid(0.5)), Fraction(1, 64)
    T, K = sr_chain(problem, method, float(alpha), rational=True), sr_limit(problem, method, rational=True)
    n = T.size
    assert all(T.matrix[i, j] == (i == j) + alpha * K.matrix[i, j] for i in range(n) for j in range(n))


def test_no_level_is_left_out():
    noise = Finite([-8.0, 0.0, 4.0], [0.25, 0.25, 0.5])
    law = closed_form(toy(noise, box=(-0.5, 6.0)), SR(Grid(0.5)), rational=True)
    assert sum(law) == 1 and min(law) > 0
