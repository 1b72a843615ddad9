import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qtheory.surrogates import Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024._estimators import Wave
from qtheory.theorems.schoenbauer2024._twins import SHARP
from qtheory.theorems.schoenbauer2024.sgd_separable import THEOREM, SeparableCase
from tests.theorems.checks import shipped


def test_shipped_instances():
    shipped(THEOREM)


@given(st.integers(0, 10**6), st.integers(1, 3), numbers(0.0, 3.0), numbers(0.0, 2.0), st.integers(1, 2000))
def test_drawn_losses(seed, bits, curvature, deviation, steps):
    wave = Wave(Levels.uniform(bits), seed=seed % 11)
    more = {"surrogate": wave, "curvature": curvature, "deviation": deviation + 0.01, "steps": steps}
    rate = 0.2 / float(wave.lipschitz) / SeparableCase(name="x", **more).H
    assert THEOREM.check(SeparableCase(name="drawn", rate=rate, **more), seed=seed).verdict == "holds"


def test_quantized_weights_differ_again_and_again_while_latent_ones_stay_together():
    for eta in (1e-2, 1e-3, 1e-4):
        pair = SeparableCase(name="x", rate=eta, steps=round(5 / eta)).pair(3)
        assert pair.apart.sum() / pair.apart.size / pair.steps > 0.005
        assert pair.error.max() < 60 * eta
    assert SHARP.alpha * float(SHARP.lipschitz) > 1  # so that the bound is not a trivial one


def test_the_first_term_alone_does_not_suffice():
    pair = SeparableCase(name="x", rate=1e-3, steps=5000, curvature=0.0).pair(0)
    assert (pair.jump == 0).all() and pair.error.max() > 1e-4


def test_a_wrong_rate_is_forgiven_where_weights_oscillate():
    # Targets between levels hold both twins at their boundary, whatever the ratio of the rates.
    case = SeparableCase(name="x", rate=1e-3, steps=8000, beyond=0.0, wrong="alpha", deviation=0.1)
    held = case.pair(0).apart > 0
    assert held.sum() > 10 and np.median(case.pair(0).error[held]) < 0.02
