"""Random surrogates for property tests: smooth, positive, periodic ones with known Lipschitz constants, and others."""

from typing import NamedTuple

import numba
import numpy as np
from hypothesis import strategies as st

from qtheory.surrogates import DSQ, MAD, STE, BinaryTanh, Bounds, Custom, Levels, ReSTE, SigmoidSum


class Series(NamedTuple):
    """log g(w) = sum_j cosine_j cos(2 pi j w / delta) + sine_j sin(2 pi j w / delta), j = 1, 2, ..."""

    cosine: np.ndarray
    sine: np.ndarray
    delta: float


@numba.njit
def exponential_series(data, w):
    """g(w): compiled once, for all drawn series."""
    total = 0.0
    for j in range(data.cosine.size):
        x = 2 * np.pi * (j + 1) * w / data.delta
        total += data.cosine[j] * np.cos(x) + data.sine[j] * np.sin(x)
    return np.exp(total)


def periodic(levels, cosine, sine):
    """The surrogate g of a series; |log g| <= sum of amplitudes, and |g'| <= sup g * sup |(log g)'|."""
    cosine, sine = np.array(cosine, dtype=float), np.array(sine, dtype=float)
    amplitude = np.hypot(cosine, sine)
    top = np.exp(amplitude.sum())
    lipschitz = top * (2 * np.pi / levels.delta * np.arange(1, amplitude.size + 1) * amplitude).sum()
    known = Bounds(float(np.exp(-amplitude.sum())), float(top), float(lipschitz))
    return Custom(levels, exponential_series, Series(cosine, sine, levels.delta), known=known)


def uniform_levels(bits=8):
    """Uniform levels of 1 to `bits` bits, of any scale."""
    return st.builds(Levels.uniform, st.integers(1, bits), st.sampled_from([0.25, 1.0, 3.0]))


@st.composite
def any_levels(draw, most=9):
    """2 to `most` levels at unequal distances, with midpoints as boundaries."""
    gaps = draw(st.lists(st.integers(1, 16), min_size=1, max_size=most - 1))
    return Levels(draw(st.integers(-20, 20)) / 8 + np.cumsum([0, *gaps]) / 8)


@st.composite
def smooth_periodic(draw, levels=None, terms=3, amplitude=0.5):
    """exp of a trigonometric polynomial, Δ-periodic, with the Bounds that follow from its coefficients."""
    coefficients = st.lists(st.floats(-amplitude, amplitude), min_size=terms, max_size=terms)
    return periodic(draw(uniform_levels(4) if levels is None else levels), draw(coefficients), draw(coefficients))


def binary_levels():
    """Two levels, the boundary not always at zero."""
    return st.builds(
        lambda c, r: Levels([c - r, c + r]), st.integers(-8, 8).map(lambda k: k / 8), st.sampled_from([0.5, 1])
    )


def cyclical(steepest=6.0):
    """STE, DSQ and drawn periodic slopes on uniform grids."""
    sharp = st.floats(0.05, steepest)  # in units of the gap, that grids of all scales be alike
    dsq = st.builds(lambda levels, k: DSQ(levels, k / levels.delta), uniform_levels(), sharp)
    return st.one_of(uniform_levels().map(STE), dsq, smooth_periodic())


def positive(steepest=6.0):
    """Surrogates with a mirror map, cyclical and not."""
    sharp = st.floats(0.05, steepest)
    uneven = st.builds(lambda levels, k: DSQ(levels, k / levels.gaps.max()), any_levels(), sharp)
    sums = st.builds(
        lambda levels, k: SigmoidSum(levels, k / levels.gaps.max()), any_levels(5), st.floats(0.2, 2 * steepest)
    )
    tanh = st.builds(BinaryTanh, binary_levels(), st.floats(0.2, steepest))
    reste = st.builds(ReSTE, binary_levels(), st.sampled_from([1.0, 1.5, 3.0]), st.sampled_from([0.0, 0.1]))
    mad = st.builds(MAD, any_levels(), st.floats(0.1, 4.0))
    return st.one_of(cyclical(steepest), uneven, sums, tanh, reste, mad)


def weights(surrogate, reach=1.5):
    """Arrays of weights around the levels: `reach` times their span, and the boundaries themselves."""
    low, high = surrogate.levels.levels[[0, -1]]
    middle, half = (low + high) / 2, reach * (high - low) / 2
    some = st.lists(st.floats(middle - half, middle + half), min_size=1, max_size=8)
    return some.map(lambda w: np.unique(np.concatenate([w, surrogate.levels.boundaries])))
