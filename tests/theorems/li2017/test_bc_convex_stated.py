import math

from qtheory.theorems import Role, Verdict
from qtheory.theorems.li2017.bc_convex import bound as corrected
from qtheory.theorems.li2017.bc_convex_stated import THEOREM, bound
from tests.theorems.checks import value


def test_shipped_instances():
    for instance in THEOREM.instances():
        evidence = THEOREM.check(instance, seed=7, failure=1e-9)
        assert evidence.as_expected, (instance.name, evidence.slack)
    assert any(i.role == Role.CONTROL for i in THEOREM.instances())


def test_violated_by_projected_gradient_descent_in_disguise():
    evidence = value(THEOREM, "E3: F = 0.2 w, c = 4")
    assert evidence.verdict == Verdict.VIOLATED and evidence.slack.low > 1.2


def test_the_new_floor_is_smaller_whenever_the_grid_fits_the_domain():
    """sqrt(d) Δ < 8 D, so L d Δ²/8 < sqrt(d) Δ L D."""
    for d, delta, D in ((1, 1.0, 1.0), (100, 2.0, 20.0), (10_000, 2.0, 200.0)):
        symbols = {"D": D, "G": 1.0, "L": 3.0, "d": d, "delta": delta, "c": 1.0}
        T = 10**12
        assert corrected(T, **symbols) < bound(T, **symbols)
        assert math.isclose(corrected(T, **symbols), 3.0 * d * delta**2 / 8, rel_tol=1e-2)
