"""The counter-based streams: published vectors, the exact law of a uniform, and statistical limits at failure 1e-9."""

from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from qtheory.core import noise, random
from qtheory.core.random import fill, gaussians, philox_words, uniform
from tests.core import reference

FAILURE = 1e-9
Z = stats.norm.isf(FAILURE / 2)
word = st.integers(0, 2**32 - 1)

# Known-answer vectors of Philox4x32-10, from the distribution of Random123 (Salmon, Moraes, Dror, Shaw 2011).
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def hexadecimal(text):
    return np.array([int(part, 16) for part in text.split()], dtype=np.uint32)


# --- words


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_the_published_vectors(counter, key, expected):
    counter, key, expected = hexadecimal(counter), hexadecimal(key), hexadecimal(expected)
    assert np.array_equal(philox_words(counter, key), expected)
    assert reference.philox(counter.tolist(), key.tolist()) == expected.tolist()


@given(st.tuples(word, word, word, word), st.tuples(word, word))
def test_philox_is_the_plain_one_for_any_counter(counter, key):
    ours = philox_words(np.array(counter, np.uint32), np.array(key, np.uint32))
    assert ours.tolist() == reference.philox(counter, key)


def filled(groups, lanes, trial, step, group, stream, seed):
    words = np.empty((4, groups * lanes), np.uint32)
    fill(words, groups, lanes, trial, step, group, stream, seed)
    return words.reshape(4, groups, lanes)


@given(
    st.integers(0, 2**32 - 64), st.integers(1, 2**53), st.integers(0, 2**31), st.integers(0, 2),
    st.integers(0, 2**63 - 1), st.integers(1, 3), st.sampled_from([2, 16, 32, 34]),
)  # fmt: skip
def test_fill_lays_out_trial_step_group_stream_and_seed(trial, step, group, stream, seed, groups, lanes):
    words = filled(groups, lanes, trial, step, group, stream, seed)
    key = seed % 2**32, seed // 2**32
    for p in range(groups):
        for i in (0, lanes // 2 - 1, lanes // 2, lanes - 1):
            counter = trial + i, step % 2**32, group + p, stream + 256 * (step // 2**32)
            assert words[:, p, i].tolist() == reference.philox(counter, key)


def test_no_two_counters_of_a_run_share_their_words():
    # Steps 2^32 apart, the three streams, and seeds 2^32 apart: whatever a narrower counter would mix up.
    seen = [
        filled(3, 32, trial, step, 0, stream, seed).ravel()
        for trial in (0, 32) for step in (1, 2, 2**32 + 1, 2**33 + 1)
        for stream in (random.STEP, random.BATCH, random.START) for seed in (7, 7 + 2**32)
    ]  # fmt: skip
    flat = np.concatenate(seen)
    repeated = flat.size - np.unique(flat).size
    assert repeated < stats.poisson.isf(FAILURE, flat.size**2 / 2**33)


# --- uniforms


@numba.njit
def uniform_double(w):
    return uniform(w, 0.0)


@numba.njit
def uniform_single(w):
    return uniform(w, np.float32(0))


PRECISIONS = {"double": (uniform_double, 32, np.float64), "single": (uniform_single, 23, np.float32)}
precisions = pytest.mark.parametrize("precision", PRECISIONS)


def exact(precision, w):
    """The uniform of the word w, without rounding."""
    function, bits, real = PRECISIONS[precision]
    value = real(function(np.uint32(w)))
    assert Fraction(float(value)) == Fraction(2 * (w >> (32 - bits)) + 1, 2 ** (bits + 1))
    return Fraction(float(value))


@precisions
def test_uniforms_never_meet_0_or_1(precision):
    bits = PRECISIONS[precision][1]
    assert exact(precision, 0) == Fraction(1, 2 ** (bits + 1))
    assert exact(precision, 2**32 - 1) == 1 - Fraction(1, 2 ** (bits + 1))


@precisions
@given(q=st.floats(0, 1) | st.integers(0, 2**24).map(lambda k: k / 2**24))
def test_the_chance_of_a_uniform_below_q_is_q_to_half_a_step(precision, q):
    # Uniforms ascend with the word, in 2^bits equal steps: counting the steps below q gives the probability, exactly.
    bits = PRECISIONS[precision][1]
    step, scaled = 2 ** (32 - bits), Fraction(q) * 2**bits - Fraction(1, 2)
    below = min(max(-(-scaled.numerator // scaled.denominator), 0), 2**bits)  # ceil: steps with (k + 1/2) / 2^bits < q
    if below > 0:
        assert exact(precision, below * step - 1) < q
    if below < 2**bits:
        assert exact(precision, below * step) >= q
    assert abs(Fraction(below, 2**bits) - Fraction(q)) <= Fraction(1, 2 ** (bits + 1))


@given(word, word)
def test_uniforms_ascend(v, w):
    for precision in PRECISIONS:
        assert (exact(precision, v) <= exact(precision, w)) or v > w


# --- signs


def test_signs_are_the_top_bit():
    words = np.array([0, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
    z = np.empty(4, np.float32)
    noise._signs(words, z, 4)
    assert z.tolist() == [-1, -1, 1, 1]


def test_signs_are_fair_and_unrelated():
    words = filled(8, 1 << 16, 0, 1, 0, random.STEP, 11)
    signs = np.where(words >> np.uint32(31), 1.0, -1.0)
    for product in (signs, signs[:, :, 1:] * signs[:, :, :-1], signs[0] * signs[1], signs[:, 1:] * signs[:, :-1]):
        assert abs(product.mean()) * np.sqrt(product.size) < Z


# --- Gaussians


ENDS = [(u, v) for u in (0, 1, 2**31, 2**32 - 2, 2**32 - 1) for v in (0, 3, 2**31 - 1, 2**31, 2**32 - 1)]


def test_gaussians_are_box_muller_to_single_precision():
    many = np.random.default_rng(1).integers(0, 2**32, (2**20, 2), dtype=np.uint32)
    u, v = np.concatenate([np.array(ENDS, np.uint32), many]).T.copy()
    ours = np.empty((2, u.size), np.float32)
    gaussians(u, v, ours[0], ours[1], u.size)
    theirs = np.array(reference.gaussians(u.astype(np.uint64), v.astype(np.uint64)))
    # The radius r is sqrt(-2 log x); x near 1 is rounded to 2^-24, which moves r by 1e-7 / r, and 0 to 3e-4 at most.
    radius = np.hypot(*theirs)
    assert (np.abs(ours - theirs) <= 3e-7 * radius + 1e-7 / np.maximum(radius, 3e-4)).all()
    usual = radius > 0.1
    assert abs(np.mean((np.hypot(*ours)[usual] - radius[usual]) / radius[usual])) < 2e-8  # no systematic error
    assert (np.hypot(*ours) <= np.sqrt(2 * 33 * np.log(2)) * (1 + 1e-6)).all()


@pytest.fixture(scope="module")
def pairs():
    """(2, 40, 2^18): 2 x 10,485,760 Gaussians; the second axis runs over steps, the third over trials."""
    lanes, steps = 1 << 18, 40
    out = np.empty((2, steps, lanes), np.float32)
    for t in range(steps):
        words = filled(1, lanes, 0, t + 1, 0, random.STEP, 2025)
        gaussians(words[0, 0], words[1, 0], out[0, t], out[1, t], lanes)
    return out


def z_of_mean(values, mean, variance):
    return (values.mean(dtype=np.float64) - mean) / np.sqrt(variance / values.size)


def z_of_moments(x):
    """How many standard errors the moments 1 to 4 are away from 0, 1, 0, 3."""
    square = x * x
    return [
        z_of_mean(x, 0, 1), z_of_mean(square, 1, 2), z_of_mean(square * x, 0, 15), z_of_mean(square * square, 3, 96)
    ]  # fmt: skip


def test_gaussian_moments(pairs):
    assert np.abs(z_of_moments(pairs)).max() < Z
    assert np.abs(z_of_moments(pairs * np.float32(1.002)))[1] > Z  # a standard deviation 0.2 per cent too large is seen


@pytest.mark.parametrize("limit", [3, 4, 5])
def test_gaussian_tails(pairs, limit):
    chance = stats.norm.sf(limit)
    for seen in (np.count_nonzero(pairs > limit), np.count_nonzero(pairs < -limit)):
        low, high = stats.binom.ppf([FAILURE / 2, 1 - FAILURE / 2], pairs.size, chance)
        assert low <= seen <= high


def test_gaussian_cells(pairs):
    counts = np.zeros(64, np.int64)
    for row in pairs.reshape(80, -1):
        counts += np.bincount((special.ndtr(row) * 64).astype(np.int8).clip(max=63), minlength=64)
    chi = np.sum((counts - pairs.size / 64) ** 2) / (pairs.size / 64)
    assert stats.chi2.ppf(FAILURE / 2, 63) < chi < stats.chi2.isf(FAILURE / 2, 63)


@pytest.mark.parametrize("power", [1, 2])
def test_gaussians_are_uncorrelated_within_a_pair_and_between_neighbours(pairs, power):
    x = pairs if power == 1 else (pairs * pairs - 1) / np.float32(np.sqrt(2))
    products = {
        "pair": x[0] * x[1],
        "trials": x[:, :, 1:] * x[:, :, :-1],
        "halves of a block": x[:, :, 1 << 17 :] * x[:, :, : 1 << 17],
        "steps": x[:, 1:] * x[:, :-1],
    }
    for name, product in products.items():
        assert abs(z_of_mean(product, 0, 1)) < Z, name
    assert abs(z_of_mean(x[0] * (x[1] + np.float32(0.01) * x[0]), 0, 1)) > Z  # a correlation of 1 per cent is seen
