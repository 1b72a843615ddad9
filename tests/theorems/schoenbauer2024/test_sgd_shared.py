import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.surrogates import Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024._estimators import Wave
from qtheory.theorems.schoenbauer2024._twins import SHARP, TwinCase
from qtheory.theorems.schoenbauer2024.sgd_shared import THEOREM, alternating
from qtheory.twins import Adam, Drawn, Momentum, twins
from tests.theorems.checks import about, shipped, value


def test_shipped_instances():
    shipped(THEOREM)


@given(st.integers(0, 10**6), st.integers(1, 4), numbers(-3, -0.3).map(lambda x: 10**x), st.integers(0, 300))
def test_drawn_estimators_and_gradients(seed, bits, X, steps):
    wave = Wave(Levels.uniform(bits), seed=seed)
    case = TwinCase(name="drawn", surrogate=wave, rate=X / float(wave.lipschitz), steps=steps + 1)
    assert THEOREM.check(case, seed=seed).verdict == "holds"


@given(st.integers(0, 10**6), st.integers(0, 400))
def test_the_bound_path_by_path_needs_no_largest_gradient(seed, steps):
    wave = Wave(Levels.uniform(2), seed=seed % 7)
    source = Drawn(tuple(np.linspace(-1, 1, 9)), 1.0, "normal", seed)
    rates = 0.2 / float(wave.lipschitz)
    pair = twins(wave, np.linspace(-1, 1, 9), source, rate=lambda t: rates / np.sqrt(t), steps=steps)
    bound = wave.alpha / float(wave.lipschitz) * pair.spent
    assert (pair.error <= bound * (1 + 1e-9) + 1e-11).all()


def test_the_constant_is_sharp():
    slack = [THEOREM.check(alternating("x", rate=eta)).slack.estimate for eta in (1e-2, 1e-3, 1e-4)]
    assert slack == sorted(slack) and slack[0] > 0.9 and slack[2] > 0.999
    limit = SHARP.alpha * float(SHARP.lipschitz) / 2 * 0.2  # times eta
    assert value(THEOREM, "DSQ, alternating, η = 0.001").measured.estimate == about(limit * 1e-3, rel=0.02)


def test_the_controls_err_by_what_is_left_out():
    # A rate 5% too large: 0.05 alpha eta T. Without M: the start is off by M(w) - w.
    case = TwinCase(name="x", wrong="alpha", law="constant", deviation=1.0)
    error = case.run(0).error
    assert error.max() == about(0.05 * SHARP.alpha * case.rate * case.steps, rel=0.15)
    case = TwinCase(name="x", wrong="start", law="constant", deviation=1.0)
    assert case.run(0).error.max() > 0.05


RULES = Momentum(0.0), Momentum(0.9), Adam(0.9, 0.95), Adam(0.9, 0.999)
TABLE = {  # mean errors after 1/eta steps, momentum at equal effective rate
    1e-2: (0.00170, 0.0198, 0.113, 0.170),
    1e-3: (0.000166, 0.00153, 0.0076, 0.184),
    1e-4: (0.000017, 0.00015, 0.00050, 0.080),
}


@pytest.mark.parametrize("eta", TABLE)
def test_the_table_of_shared_gradients(eta):
    # The table does not say what its gradients were: means uniform in ±0.5 and noise 0.3 meet all twelve numbers.
    rng = np.random.default_rng(0)
    mean, start = rng.uniform(-0.5, 0.5, 256), rng.uniform(-1, 1, 256)
    for rule, expected in zip(RULES, TABLE[eta], strict=True):
        rate = eta * (1 - rule.mu) if isinstance(rule, Momentum) else eta
        source = Drawn(tuple(mean), 0.3, "normal", seed=1)
        pair = twins(SHARP, start, source, rate=rate, steps=round(1 / eta), rule=rule)
        assert pair.error.mean() == about(expected, rel=0.15)
