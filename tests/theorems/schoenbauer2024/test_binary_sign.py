import itertools
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.theorems.schoenbauer2024 import binary_sign
from qtheory.theorems.schoenbauer2024.binary_sign import THEOREM, SignCase
from tests.theorems.checks import shipped

factors = st.fractions(Fraction(1, 10**6), 10**6, max_denominator=10**6)


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=30)
@given(factors, st.integers(0, 10**6), st.sampled_from([0, Fraction(1, 2)]), st.sampled_from([1, Fraction(7, 8)]))
def test_every_factor_gives_the_same_levels(c, seed, momentum, keep):
    case = SignCase(name="drawn", n=4, steps=25, factors=(c,), momentum=momentum, keep=keep, seed=seed)
    assert THEOREM.check(case).verdict == "holds"


def test_the_levels_change_at_all():
    seen = binary_sign.run(SignCase(name="x"), Fraction(1))
    assert sum(p != q for p, q in itertools.pairwise(seen)) > 50


def test_what_the_assumptions_leave_out_does_differ():
    coupled = {"coupled": Fraction(2), "eta": Fraction(1, 10), "factors": (Fraction(1, 3),)}
    for more in ({"levels": 4}, {"limit": Fraction(1)}, coupled, {"moved": False}):
        assert binary_sign.differences(SignCase(name="x", steps=120, **more)) > 0
