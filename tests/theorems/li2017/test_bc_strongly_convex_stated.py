import numpy as np
import pytest

from qtheory.methods import BC
from qtheory.problems import CubicPerturbed
from qtheory.quantizers import Grid
from qtheory.schedules import InverseTime
from qtheory.simulate import simulate
from qtheory.theorems import Role, Verdict
from qtheory.theorems.li2017.bc_strongly_convex_stated import THEOREM, bound, predicted_gap
from tests.theorems.checks import about, value


@pytest.mark.slow
def test_shipped_instances():
    for instance in THEOREM.instances():
        assert THEOREM.check(instance, seed=7, failure=1e-9).as_expected, instance.name
    assert any(i.role == Role.CONTROL for i in THEOREM.instances())


def test_the_floor_does_not_scale_like_the_objective():
    """w -> s w leaves F, and so the left-hand side, as they are; the stated floor falls like 1/s."""
    symbols = {"mu": 1.0, "G": 1.0, "D": 2.0, "L2": 3.0, "d": 5, "delta": 0.5}
    T, s = 10**9, 1000.0
    scaled = {"mu": 1 / s**2, "G": 1 / s, "D": 2 * s, "L2": 3 / s**3, "d": 5, "delta": 0.5 * s}
    assert bound(T, **scaled) == about(bound(T, **symbols) / s, rel=1e-3)


@pytest.mark.parametrize(("d", "kappa"), [(400, 1.6547), (2500, 2.1547)])
def test_the_counterexample_goes_where_it_is_predicted(d, kappa):
    problem = CubicPerturbed(d, kappa)
    run = simulate(
        problem, BC(Grid.binary()), InverseTime(problem.constants.mu.value), steps=3000, trials=16, seed=1,
        start=np.zeros(d), record=[3000],
    )  # fmt: skip
    assert run.mean("average_gap")[-1] == about(predicted_gap(d, kappa), rel=0.02)


@pytest.mark.deep
@pytest.mark.parametrize(
    ("name", "gap", "ratio"),
    [("E1: d = 2500, kappa = 2.1547", 6565, 1.09), ("E1: d = 40000, kappa = 1.6547", 514330, 4.51)],
)
def test_the_table_of_erratum_e1(name, gap, ratio):
    evidence = value(THEOREM, name, scale="full")
    assert evidence.verdict == Verdict.VIOLATED
    assert evidence.measured.estimate == about(gap, rel=5e-3) and evidence.slack.estimate == about(ratio, abs=0.02)
