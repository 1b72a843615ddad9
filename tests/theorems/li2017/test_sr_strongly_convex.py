import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qtheory.exact import propagate
from qtheory.methods import SR
from qtheory.problems import Rademacher, SeparableQuadratic
from qtheory.quantizers import Grid
from qtheory.schedules import InverseTime
from qtheory.testing import sr_runs
from qtheory.theorems import Instance, Verdict
from qtheory.theorems.li2017.sr_strongly_convex import THEOREM, bound, bound_sharp, bound_stated
from tests.theorems.checks import about, holds, shipped


def test_shipped_instances():
    shipped(THEOREM)


@given(sr_runs(boxed=True), st.integers(2, 40))  # at T = 1 the bound may be attained: neither verdict
def test_bound_on_drawn_runs(run, steps):
    mu = run.problem.constants.mu.value
    assume(mu > 0)
    holds(THEOREM, problem=run.problem, method=run.method, schedule=InverseTime(mu), steps=steps, start=run.start)


@given(sr_runs(boxed=True), st.integers(1, 30))
def test_the_average_of_the_gaps_obeys_it_too(run, T):
    mu, _, _, G, _ = (known.value for known in run.problem.constants)
    assume(mu > 0)
    law = propagate(run.problem, run.method, InverseTime(mu), steps=T, start=run.start, record=[T])
    delta = run.method.grid.delta
    symbols = {"mu": mu, "G": G, "d": run.problem.dim, "delta": delta}
    assert law.mean_gap[-1] <= bound_sharp(T, **symbols) * (1 + 1e-12) <= bound(T, **symbols) * (1 + 2e-12)


@given(st.integers(1, 10**4))
def test_never_above_the_published_form(T):
    symbols = {"mu": 0.5, "G": 2.0, "d": 3, "delta": 0.1}
    assert bound(T, **symbols) <= bound_stated(T, **symbols)


def test_the_first_gap_attains_the_bound():
    problem = SeparableQuadratic([2.0], 0.25, box=(-1.0, 1.0))
    case = Instance(name="first", problem=problem, method=SR(0.5), schedule=InverseTime(2.0), steps=1, start=[-1.0])
    evidence = THEOREM.check(case)
    assert evidence.slack.estimate == about(1) and evidence.verdict == Verdict.UNDECIDED


@pytest.mark.slow
def test_three_hundred_random_quadratics():
    """The numerical experiment of the derivation: no violation, and how close the worst one comes."""
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(300):
        d, delta = int(rng.integers(1, 5)), float(2.0 ** -rng.integers(0, 5))
        curvature, center = rng.uniform(0.5, 4, d), rng.uniform(-1, 1, d)
        problem = SeparableQuadratic(curvature, center, noise=Rademacher(rng.uniform(0, 2)), box=(-1.0, 1.0))
        mu, T = problem.constants.mu.value, int(rng.choice([1, 2, 5, 20, 100, 200]))
        start = Grid(delta, 0, (-1.0, 1.0)).point(rng.integers(-1 / delta, 1 / delta + 1, d))
        case = {"problem": problem, "method": SR(delta), "schedule": InverseTime(mu), "steps": T, "start": start}
        slack = holds(THEOREM, **case)
        worst = max(worst, slack if T >= 5 else 0.0)  # at T = 1 a quadratic without noise attains the bound
    assert 0.05 < worst < 0.6  # 0.18 in the original experiment, whose draws are not known
