import itertools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from qtheory.quantization_network import QuantizationFunction, Temperature, harmonic_mean, initial, kmeans_biases
from qtheory.testing import numbers

EXAMPLE = [-4, -2, -1, 0, 1, 2, 4]  # the levels of the paper's example
about = pytest.approx


@st.composite
def functions(draw, symmetric=False):
    n = draw(st.integers(1, 5))
    rising = lambda size: st.lists(numbers(0.125, 2), min_size=size, max_size=size)  # noqa: E731
    scales = {name: draw(numbers(0.25, 4)) for name in ("alpha", "beta")}
    if symmetric:
        half = np.cumsum(draw(rising(n)))
        return QuantizationFunction([*-half[::-1], *half], _mirrored(draw(rising(n - 1))), **scales)
    levels = np.cumsum([draw(numbers(-4, 0)), *draw(rising(n))])
    return QuantizationFunction(levels, np.cumsum([draw(numbers(-2, 1)), *draw(rising(n - 1))]), **scales)


def _mirrored(gaps):
    half = np.cumsum(gaps)
    return [*-half[::-1], 0.0, *half]


points = st.lists(numbers(-3, 3, parts=64), min_size=1, max_size=6).map(np.array)
temperatures = numbers(-3, 7, parts=2).map(lambda k: 2.0**k)


# Soft and hard


def test_the_papers_example():
    f = QuantizationFunction(EXAMPLE, [-3, -1.5, -0.5, 0.5, 1.5, 3])
    assert f.steps.tolist() == [2, 1, 1, 1, 1, 2] and f.offset == f.steps.sum() / 2 == 4
    assert f.hard([-3.1, -1.6, -0.6, 0.0, 0.6, 1.6, 3.1]).tolist() == EXAMPLE


def test_activations_have_no_offset():
    f = QuantizationFunction([0, 1, 2, 3], [0.5, 1.5, 2.5], alpha=0.5, beta=2.0)
    assert f.offset == 0 and f.hard([0.0, 0.3, 0.8, 1.3]).tolist() == [0.0, 0.5, 1.0, 1.5]


@given(functions(), points)
def test_the_hard_function_is_a_sum_of_unit_steps_with_ties_up(f, x):
    x = np.concatenate([x, f.boundaries])
    u, b = f.beta * x, np.array(f.biases)
    steps = np.where(u[:, None] >= b, 1.0, 0.0)
    assert f.hard(x) == about(f.alpha * (steps @ f.steps - f.offset), rel=1e-14, abs=1e-14)
    assert np.isin(f.hard(x), f.values).all()


def test_the_sign_of_zero_is_one():
    f = initial([-0.3, 0.5], [-1, 1])
    assert f.hard([0.0, -0.0]).tolist() == [f.alpha, f.alpha]


@given(functions(), points, temperatures)
def test_soft_is_between_the_outer_values_and_increases(f, x, T):
    y = f.soft(np.sort(x), T)
    assert (np.diff(y) >= 0).all() and (f.slope(x, T) >= 0).all()
    room = 1e-14 * f.alpha * 20
    assert (y >= f.values[0] - room).all() and (y <= f.values[-1] + room).all()


@given(functions(symmetric=True), points, temperatures)
def test_soft_is_odd_where_the_levels_are(f, x, T):
    assert f.symmetric
    assert f.soft(-x, T) == about(-f.soft(x, T), abs=1e-13 * f.alpha * 20)


@given(functions(), points, temperatures)
def test_the_gap_is_the_difference(f, x, T):
    assert f.gap(x, T) == about(f.soft(x, T) - f.hard(x), abs=1e-13 * f.alpha * 20)


def test_the_gap_keeps_its_digits_where_the_difference_loses_them():
    assert QuantizationFunction([-1, 1], [0]).gap(1.0, 100.0) == about(-2 * math.exp(-100), rel=1e-14)


@pytest.mark.parametrize("T", [1e-300, 1.0, 1e4, 1e300])
def test_no_temperature_overflows(T):
    f = QuantizationFunction([-1, 0, 1], [-0.05, 0.05], beta=3.0)
    for x in (np.array([-1e308, -1e9, -1.0, 0.0, 1e-9, 3.0]), 0.0):
        for found in (f.soft(x, T), f.slope(x, T), f.gap(x, T), *f.gradients(x, T)):
            assert np.isfinite(found).all()


@pytest.mark.parametrize("scales", [{"beta": 1e10}, {"alpha": 1e10}, {"beta": 1e-10, "alpha": 1e10}])
def test_derivatives_beyond_the_floats_are_refused(scales):
    f = QuantizationFunction([-1, 0, 1], [-0.05, 0.05], **scales)
    assert np.isfinite([f.soft(1.0, 1e300), f.gap(1.0, 1e300)]).all()
    for call in (f.slope, f.gradients):
        with pytest.raises(ValueError, match="T must leave T alpha beta finite"):
            call(0.0, 1e300)


@given(functions(), points, temperatures)
def test_the_estimator_for_the_core_is_the_slope(f, x, T):
    s = f.estimator(T)
    assert s.slope(x) == about(f.slope(x, T), rel=1e-9, abs=1e-12)
    beside = np.abs(x[..., None] - f.boundaries).min(axis=-1) > 1e-12  # at a tie, rounding decides
    assert s.levels.quantize(x)[beside] == about(f.hard(x)[beside])


# Gradients


@settings(max_examples=50)
@given(functions(), numbers(-2, 2, parts=64), st.sampled_from([0.5, 3.0, 20.0]))
def test_the_gradients_are_central_differences(f, x, T):
    def soft(x=x, **change):
        arguments = {"levels": f.levels, "biases": f.biases, "alpha": f.alpha, "beta": f.beta} | change
        return QuantizationFunction(**arguments).soft(x, T)

    h, found = 1e-6, f.gradients(x, T)
    room = 1e-3 * max(1.0, f.alpha * f.steps.sum() * T)  # h² T³ and rounding / h are below
    assert (soft(x=x + h) - soft(x=x - h)) / (2 * h) == about(found.x, abs=room, rel=1e-6)
    for name in ("alpha", "beta"):
        up, down = ({name: getattr(f, name) + sign * h} for sign in (1, -1))
        assert (soft(**up) - soft(**down)) / (2 * h) == about(getattr(found, name), abs=room, rel=1e-6)
    for i in range(len(f.biases)):
        e = h * (np.arange(len(f.biases)) == i)
        difference = (soft(biases=np.array(f.biases) + e) - soft(biases=np.array(f.biases) - e)) / (2 * h)
        assert difference == about(found.b[i], abs=room, rel=1e-6)


def test_the_gradients_by_sympy():
    x, beta, b, alpha, T, s, t, c = sp.symbols("x beta b alpha T s t c", positive=True)
    soft = alpha * (s / (1 + sp.exp(-T * (beta * x - b))) + t / (1 + sp.exp(-T * (beta * x - c))) - (s + t) / 2)
    at = {x: 0.3, beta: 1.5, b: 0.2, alpha: 0.7, T: 6.0, s: 1.0, t: 2.0, c: 0.9}
    found = QuantizationFunction([-1.5, -0.5, 1.5], [0.2, 0.9], alpha=0.7, beta=1.5).gradients(0.3, 6.0)
    for symbol, value in ((x, found.x), (beta, found.beta), (b, found.b[0]), (c, found.b[1]), (alpha, found.alpha)):
        assert float(sp.diff(soft, symbol).subs(at)) == about(float(value), rel=1e-12)


def test_gradients_of_a_layer_sum_over_what_shares_a_parameter():
    f, x, h = QuantizationFunction([-1, 0, 1], [-0.2, 0.3], alpha=0.5, beta=2.0), np.linspace(-1, 1, 24), 1e-6
    weight = np.cos(np.arange(24.0)).reshape(4, 6)
    loss = lambda f: float((weight * f.soft(x.reshape(4, 6), 5.0)).sum())  # noqa: E731
    found = f.gradients(x.reshape(4, 6), 5.0)
    assert found.b.shape == (4, 6, 2) and found.x.shape == found.alpha.shape == (4, 6)
    up, down = (QuantizationFunction(f.levels, f.biases, alpha=0.5, beta=2.0 + e) for e in (h, -h))
    assert (loss(up) - loss(down)) / (2 * h) == about((weight * found.beta).sum(), rel=1e-7)


# Initialisation


@given(
    st.lists(numbers(-2, 2), min_size=9, max_size=40).filter(any), st.sampled_from([[-1, 1], [-1, 0, 1], [-2, 0, 2]])
)
def test_the_scales_of_the_paper(x, levels):
    f, q = initial(x, levels), max(abs(v) for v in x)
    assert f.beta == about(5 * max(levels) / (4 * q)) and f.alpha == about(1 / f.beta)
    assert f.biases == ((0.0,) if len(levels) == 2 else (-0.05, 0.05))


@pytest.mark.parametrize("levels", [EXAMPLE, [-2, -1, 0, 1, 2], [-3, -1, 1, 3], [0, 1, 2, 3], [0, 1]])
def test_biases_are_midpoints_of_centres_that_are_means_of_their_clusters(levels):
    u = np.random.default_rng(1).laplace(size=5000)
    u = np.maximum(u, 0) if levels[0] == 0 else u
    f = initial(u, levels)
    biases = kmeans_biases(f.beta * u, len(levels))
    parts = np.split(np.sort(f.beta * u), np.searchsorted(np.sort(f.beta * u), biases))
    means = np.array([part.mean() for part in parts])
    assert (means[1:] + means[:-1]) / 2 == about(biases, rel=1e-6, abs=1e-6)
    if 0 in levels[1:-1]:
        half = len(biases) // 2
        biases[half - 1 : half + 1] = -0.05, 0.05
    assert f.biases == about(biases)


def test_kmeans_does_not_depend_on_the_order():
    u = np.random.default_rng(2).standard_normal(500)
    assert kmeans_biases(u, 5).tolist() == kmeans_biases(u[::-1].reshape(20, 25), 5).tolist()


def test_kmeans_of_separate_clumps():
    u = np.concatenate([c + 0.01 * np.arange(-2, 3) for c in (-3.0, 0.0, 1.0, 5.0)])
    assert kmeans_biases(u, 4) == about([-1.5, 0.5, 3.0])


# Temperature


def test_temperature_rises_by_its_slope_and_is_capped():
    T = Temperature(slope=10)
    assert [T(epoch) for epoch in (1, 2, 55)] == [10, 20, 550] and T(1000) == 2000
    assert Temperature(5, cap=math.pi)(40) == math.pi


# The harmonic mean of two neighbours


@given(numbers(-3, 5, parts=4).map(lambda k: 2.0**k))
@example(60.0)
def test_the_harmonic_mean_is_the_integral(x):
    bell = lambda z: 1 / (2 + 2 * math.cosh(z))  # noqa: E731
    value = quad(lambda z: 1 / (bell(z) + bell(x - z)), 0, x / 2, epsrel=1e-12)[0]
    assert harmonic_mean(x) == about(x * x / (2 * value), rel=1e-9)


@pytest.mark.parametrize("x", [1e-6, 1e-160, 1e-300])
def test_the_harmonic_mean_of_near_neighbours_is_that_of_twice_a_quarter(x):
    assert harmonic_mean(x) == about(x / 2, rel=1e-11, abs=0)


def test_the_harmonic_mean_falls_exponentially():
    for x in (50.0, 1400.0):
        assert harmonic_mean(x) == about(2 / math.pi * x * x * math.exp(-x / 2), rel=4e-2 if x == 50 else 2e-3)
    assert all(harmonic_mean(x) > harmonic_mean(y) > 0 for x, y in itertools.pairwise([6.0, 10.0, 50.0, 300.0, 1400.0]))


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"levels": [0, 0, 1]}, "levels must increase"),
        ({"levels": [1, 0, -1]}, "levels must increase"),
        ({"levels": [0]}, "levels must be 2 to 256"),
        ({"levels": range(257)}, "levels must be 2 to 256"),
        ({"levels": [0, math.nan, 1]}, "levels must be finite"),
        ({"biases": [0.1, 0.1]}, "biases must increase"),
        ({"biases": [0.1]}, r"biases must have shape \(2,\)"),
        ({"alpha": 0.0}, "alpha must be greater than 0"),
        ({"beta": -1.0}, "beta must be greater than 0"),
        ({"beta": "1"}, "beta must be a real number"),
    ],
)
def test_a_bad_function_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        QuantizationFunction(**{"levels": [-1, 0, 1], "biases": [-0.1, 0.1]} | change)


def test_bad_calls_are_refused():
    f = QuantizationFunction([-1, 1], [0])
    for T in (0.0, -1.0, math.inf, math.nan):
        for call in (f.soft, f.slope, f.gap, f.gradients):
            with pytest.raises(ValueError, match="T must be"):
                call(0.5, T)
    for call in (f.hard, lambda x: f.soft(x, 1.0)):
        with pytest.raises(ValueError, match="x must be finite"):
            call([0.0, math.nan])
    with pytest.raises(ValueError, match="x must have an entry other than 0"):
        initial([0.0, 0.0], [-1, 1])
    with pytest.raises(ValueError, match="biases must increase"):
        initial(np.random.default_rng(0).standard_normal(99), [-2, -1, 0, 1, 2], middle=5.0)
    with pytest.raises(ValueError, match="middle must be greater"):
        initial([1.0], [-1, 0, 1], middle=0.0)
    for settings_ in ({"slope": 0}, {"slope": 1, "cap": -1}):
        with pytest.raises(ValueError, match="must be greater than 0"):
            Temperature(**settings_)
    with pytest.raises(ValueError, match="epoch must be at least 1"):
        Temperature(10)(0)
    for x in (0.0, 5e-324, 1500.0):
        with pytest.raises(ValueError, match="x must be"):
            harmonic_mean(x)


def test_empty_clusters_are_refused():
    with pytest.raises(ValueError, match=r"u must have at least as many distinct values as clusters \(4\), got 3"):
        kmeans_biases([1.0, 2.0, 2.0, 3.0, 3.0], 4)
    u = [*np.full(100, 0.0), *np.linspace(10, 11, 30), 1000.0, 1001.0, *np.linspace(1e5, 1e5 + 1, 40)]
    refused = []
    for clusters in range(2, 60):  # whatever the start: all clusters filled, or refused by name
        try:
            biases = kmeans_biases(u, clusters)
        except ValueError as error:
            refused.append(str(error))
        else:
            assert (np.diff(np.searchsorted(np.sort(u), [-math.inf, *biases, math.inf])) > 0).all()
    assert refused and all("empty: expected fewer" in message for message in refused)
    with pytest.raises(ValueError, match="clusters must be between 2 and 256"):
        kmeans_biases(u, 1)
