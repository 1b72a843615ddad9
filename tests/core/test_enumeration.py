"""All losses at once beside one pattern at a time in NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.core import enumeration
from qtheory.core.enumeration import MOST, all_losses


def draw(samples, m, n, signs, seed=0):
    """Features with many preactivations of exactly 0, gains and targets."""
    rng = np.random.default_rng(seed)
    features = rng.choice([-1.0, 1.0], (samples, m, n)) if signs else rng.integers(-3, 4, (samples, m, n)) / 4
    return features.astype(np.float32), rng.integers(-4, 5, m), rng.integers(-9, 10, samples)


def by_hand(features, gains, target, strict):
    n = features.shape[2]
    sums = []
    for p in range(2**n):
        q = np.array([-1 if p >> k & 1 else 1 for k in range(n)])
        pre = features.astype(np.float64) @ q
        on = pre > 0 if strict else pre >= 0
        sums.append(int(((on @ gains - target) ** 2).sum()))
    return sums


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("samples", "m", "n"), [(1, 1, 1), (1025, 1, 3), (40, 3, 6), (7, 8, 8)])
def test_every_pattern_has_the_loss_of_its_definition(samples, m, n, strict, signs):
    problem = draw(samples, m, n, signs)
    assert all_losses(*problem, strict).tolist() == by_hand(*problem, strict)


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 6), st.booleans(), st.booleans(), st.integers(0, 2**32))
def test_so_it_has_for_drawn_problems(samples, m, n, strict, signs, seed):
    problem = draw(samples, m, n, signs, seed)
    assert all_losses(*problem, strict).tolist() == by_hand(*problem, strict)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_packed_signs_and_real_numbers_threads_and_chunks_agree(threads):
    features, gains, target = draw(100, 2, 14, signs=True)
    expected = all_losses(features, gains, target, True, threads=1)
    assert all_losses(features, gains, target, True, threads=threads).tolist() == expected.tolist()
    columns = np.ascontiguousarray(features.transpose(2, 1, 0))
    out, kinds = np.zeros(2**14, np.int64), (gains.astype(np.int32), target.astype(np.int32))
    enumeration.gray_losses(columns, *kinds, np.float32(0), 0, out)
    assert out.tolist() == expected.tolist()


def test_a_spoiled_sum_would_be_noticed():
    features, gains, target = draw(40, 3, 6, signs=False)
    spoiled = features.copy()
    spoiled[3, 1, 2] += 0.25
    assert all_losses(spoiled, gains, target, True).tolist() != by_hand(features, gains, target, True)


def test_too_many_signs_and_too_great_numbers_are_refused():
    features, gains, target = draw(4, 1, 3, signs=False)
    with pytest.raises(ValueError, match=f"between 1 and {MOST} columns, got 21"):
        all_losses(np.zeros((4, 1, 21), np.float32), gains, target, True)
    with pytest.raises(ValueError, match="gains and target must be so small"):
        all_losses(features, gains, target + 2**31, True)
