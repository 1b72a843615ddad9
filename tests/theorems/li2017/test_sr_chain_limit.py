import numpy as np
import pytest
from hypothesis import given, settings

from qtheory.markov import sr_limit
from qtheory.methods import SR
from qtheory.problems import Gaussian, SeparableQuadratic
from qtheory.quantizers import Grid
from qtheory.schedules import Constant
from qtheory.testing import numbers
from qtheory.theorems import Verdict
from qtheory.theorems.li2017._chains import ChainInstance, chain_case, toy
from qtheory.theorems.li2017.sr_chain_limit import THEOREM, distance_to_limit, ergodicity
from tests.theorems.checks import about, shipped

TWO = SeparableQuadratic(np.ones(2), 0.0, noise=Gaussian(1.0), box=(-1.0, 1.0))


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=30)
@given(numbers(0.5, 4), numbers(0.03125, 1), numbers(-0.75, 0.75), numbers(0.25, 4))
def test_the_bound_holds(sigma, alpha, center, curvature):
    problem = SeparableQuadratic([curvature], center, noise=Gaussian(sigma), box=(-1.0, 1.0))
    evidence = THEOREM.check(chain_case("drawn", problem, alpha, Grid(0.25)))
    tiny = evidence.claim.high < evidence.measured.width  # below what floating point tells apart
    assert evidence.verdict == Verdict.HOLDS or (tiny and evidence.verdict == Verdict.UNDECIDED), evidence


def test_the_distances_of_the_theory_notes():
    found = [distance_to_limit(chain_case("toy", toy(Gaussian(2.0)), a)).estimate for a in (1.0, 0.3, 0.1, 0.03)]
    assert found[:3] == [about(0.712, abs=5e-4), about(0.241, abs=5e-4), about(0.0064, abs=5e-5)]
    assert found[3] < 1e-5


def test_the_distance_falls_with_the_step_and_the_limit_is_everywhere_positive():
    found = [distance_to_limit(chain_case("toy", toy(Gaussian(2.0)), a)).estimate for a in (0.2, 0.1, 0.05)]
    assert found == sorted(found, reverse=True)
    law = sr_limit(toy(Gaussian(2.0)), SR(Grid(0.5))).stationary()
    assert law.probabilities.min() > 0 and law.probabilities.max() == about(0.364, abs=5e-4)


def test_the_ergodicity_coefficient_of_two_levels():
    # Rates a up and b down: K has the eigenvalue -(a + b), so that tau = 1 / (a + b).
    problem = SeparableQuadratic([1.0], 0.25, noise=Gaussian(1.0), box=(0.0, 1.0))
    limit = sr_limit(problem, SR(1.0))
    assert ergodicity(limit) == about(1 / (limit.matrix[0, 1] + limit.matrix[1, 0]))


@pytest.mark.parametrize(
    ("case", "failing"),
    [
        (ChainInstance(name="", problem=toy(Gaussian(2.0)), method=SR(0.5), schedule=Constant(0.1), steps=2), None),
        (chain_case("", toy(Gaussian(0.0)), 0.1), "the noise is two-sided"),
        (chain_case("", toy(Gaussian(1.0), box=None), 0.1, Grid(0.5)), "the grid is finite"),
        (chain_case("", TWO, 0.1, Grid(0.5)), "d = 1"),
    ],
)
def test_assumptions_are_named(case, failing):
    broken = [a.assumption for a in THEOREM.checked(case) if not a.holds]
    assert broken == ([] if failing is None else [failing])
