import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qtheory.surrogates import Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024._estimators import Wave, log_lipschitz
from qtheory.theorems.schoenbauer2024._twins import SHARP
from qtheory.theorems.schoenbauer2024.adam import THEOREM, inside, largest_ratio, memory, per_step
from qtheory.twins import Adam
from tests.theorems.checks import about, shipped, value

betas = st.tuples(numbers(0.0, 0.95), numbers(0.3, 0.995))


def test_shipped_instances():
    shipped(THEOREM)


@given(st.integers(0, 10**6), betas, numbers(0.001, 0.9))
def test_drawn_estimators(seed, both, share):
    assume(both[0] ** 2 < 0.99 * both[1])
    wave = Wave(Levels.uniform(1 + seed % 4), seed=seed)
    case = inside("drawn", wave, Adam(*both), share)
    assert THEOREM.check(case.at(steps=200), seed=seed).verdict == "holds"


@given(betas, numbers(0.01, 0.99))
def test_the_two_sums(both, share):
    b1, b2 = both
    assume(b1 * b1 < b2)
    c = -share * math.log(b2) / 2
    k = np.arange(min(20_000, int(300 / c)))
    A = (1 - b1) * (b1**k * np.expm1(c * k)).sum()
    B = math.sqrt((1 - b2) * (b2**k * np.expm1(c * k) ** 2).sum())
    assert per_step(c, Adam(b1, b2), 0.0) == about(A, rel=1e-6, abs=1e-12)
    assert per_step(c, Adam(b1, b2), 3.0) == about(A + 3 * B, rel=1e-6)


@given(betas, st.integers(0, 1000))
def test_no_gradients_give_a_larger_ratio(both, seed):
    b1, b2 = both
    assume(b1 * b1 < 0.99 * b2)
    rng = np.random.default_rng(seed)
    t, U = int(rng.integers(1, 200)), largest_ratio(Adam(b1, b2))
    k = np.arange(t)
    a, b = b1**k / (b1**k).sum(), b2**k / (b2**k).sum()
    for h in (rng.standard_normal(t), a / b):  # the second attains it
        assert a @ h <= U * math.sqrt(b @ (h * h)) * (1 + 1e-9)


def test_the_limits_of_the_ratio():
    assert about(largest_ratio(Adam(0.9, 0.999)), abs=5e-3) == 7.27
    assert about(largest_ratio(Adam(0.9, 0.95)), abs=1e-2) == 1.17
    assert largest_ratio(Adam(0.9, 0.8)) == math.inf


@pytest.mark.parametrize(("beta2", "largest"), [(0.95, 1.7e-3), (0.999, 5.4e-6)])
def test_the_condition_in_numbers(beta2, largest):
    case = inside("x", SHARP, Adam(0.9, beta2), 1.0)
    assert case.rate == about(largest, rel=0.03)
    assert memory(case) == about(-math.log(beta2) / 2, rel=1e-9)


def test_outside_the_condition_the_number_is_said():
    found = value(THEOREM, "DSQ, β2 = 0.999, η = 1e-3")
    assert found.verdict == "out of scope" and "184 of it" in found.assumptions[-1].how


def test_the_bound_is_sharper_than_the_one_with_a_ratio_of_slopes():
    U, kappa = largest_ratio(Adam(0.9, 0.95)), float(SHARP.high) / float(SHARP.low)
    lam, c = float(log_lipschitz(SHARP)), 1e-8
    older = kappa * float(SHARP.lipschitz) / float(SHARP.low) * U * (9 + math.sqrt(2) * U / 0.05)
    ours = lam * U * per_step(c, Adam(0.9, 0.95), U) / c
    assert older / ours > 150


def test_a_long_memory_parts_twins_that_a_short_one_keeps_together():
    from qtheory.theorems.schoenbauer2024._twins import TwinCase

    errors = [TwinCase(name="x", rule=Adam(0.9, b), rate=1e-3).run(1).error.mean() for b in (0.95, 0.999)]
    assert errors[0] < 0.02 and errors[1] > 0.05
