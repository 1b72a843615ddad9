import numpy as np
import pytest

from qtheory.problems import Rademacher
from qtheory.simulate import simulate
from qtheory.statistics import share_interval
from qtheory.theorems import Verdict
from qtheory.theorems.li2017.bc_concentration import latent_chain
from qtheory.theorems.li2017.bc_escape import THEOREM, case, slopes
from tests.theorems.checks import shipped


def test_shipped_instances():
    shipped(THEOREM)


@pytest.mark.parametrize("alpha", [1 / 16, 1 / 32, 1 / 64])
@pytest.mark.parametrize("T", [2, 50, 2000])
def test_the_bound_holds(alpha, T):
    assert THEOREM.check(case("drawn", alpha, T)).verdict == Verdict.HOLDS


def test_the_chance_to_escape_falls_exponentially_in_one_over_the_step():
    found = [THEOREM.measure(case("", a, int(64 / a)), seed=0, failure=0.5).estimate for a in (1 / 16, 1 / 32, 1 / 64)]
    falls = np.diff(np.log(found))
    assert falls[0] < -1 and falls[1] < 1.5 * falls[0]


def test_the_constants_of_the_stretch():
    # On the levels -1, -0.5, 0, 0.5 the slope of w^2 + 2 is 2 w; the ridge is at 0.75.
    assert slopes(case("", 1 / 64, 10)) == (1.0, 2.0)


def test_the_exact_chance_agrees_with_the_simulator():
    instance = case("", 1 / 8, 40)
    assert isinstance(instance.problem.noise, Rademacher)
    chain, begin = latent_chain(instance)
    law = np.zeros(chain.size)
    law[begin] = 1.0
    beyond = float(chain.evolve(law, 39)[chain.points[:, 0] >= 0.75].sum())
    run = simulate(
        instance.problem, instance.method, instance.schedule, steps=40, trials=4000, seed=2, start=[0.0], record=[40],
        keep_final=True,
    )  # fmt: skip
    assert share_interval(int((run.final[:, 0] >= 0.75).sum()), 4000, failure=1e-9).contains(beyond)
    assert beyond <= THEOREM.measure(instance, seed=0, failure=0.5).high
