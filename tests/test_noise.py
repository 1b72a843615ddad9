"""Noise laws: mean, moments and support, exactly; excesses against fractions and quadrature; the simulator's draws."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from qtheory.exact import propagate
from qtheory.methods import SGD, SR
from qtheory.problems import Finite, FromCdf, Gaussian, Linear, NoNoise, OneBit, Rademacher, SeparableQuadratic
from qtheory.problems._tails import unit_loss
from qtheory.schedules import Constant
from qtheory.simulate import simulate

THREE = Finite([-1.5, -0.25, 2.0], [0.25, 0.5, 0.25])
FINITE = NoNoise(), Rademacher(0.5), OneBit(3.0), THREE


def triangle(x):
    """The distribution function of the triangular law on [-2, 2]."""
    return float((2 + x) ** 2 / 8 if x < 0 else 1 - (2 - x) ** 2 / 8)


@given(st.floats(-3, 3))
def test_finite_noises_have_the_gradient_as_mean_and_the_moments_they_state(gradient):
    for noise in FINITE:
        values, chances = noise.support(np.array([gradient, -gradient]))
        assert values.shape == chances.shape and (chances >= 0).all()
        np.testing.assert_allclose(chances.sum(axis=-1), 1, rtol=1e-15)
        np.testing.assert_allclose((values * chances).sum(axis=-1), [gradient, -gradient], atol=1e-14)
        second = (values**2 * chances).sum(axis=-1)
        assert second.sum() == pytest.approx(noise.second_moment(2 * gradient**2, 2), rel=1e-12)
        if not isinstance(noise, OneBit):
            assert second[0] - gradient**2 == pytest.approx(noise.variance, abs=1e-12)


def test_what_a_noise_does_not_have_is_an_error():
    with pytest.raises(ValueError, match=r"Gaussian\(sigma=1.0\) has no finite support"):
        Gaussian(1.0).support(0.0)
    with pytest.raises(ValueError, match=r"rational=True needs .*Gaussian\(sigma=1.0\) has no finite support"):
        Gaussian(1.0).outcomes(Fraction(0))
    with pytest.raises(ValueError, match="variance that depends on the gradient"):
        _ = OneBit(1.0).variance
    with pytest.raises(ValueError, match="OneBit's scale 1 is below a partial derivative"):
        OneBit(1.0).support([0.5, -1.5])
    with pytest.raises(ValueError, match="OneBit's scale 1 is below a partial derivative"):
        OneBit(1.0).outcomes(Fraction(3, 2))
    with pytest.raises(ValueError, match="cannot be simulated"):
        FromCdf(triangle, -2.0, 2.0).lower(np.float64)


@given(st.integers(-48, 48), st.integers(-64, 64))
def test_excesses_are_right_relative_to_themselves(slope, z):
    slope, z = Fraction(slope, 16), Fraction(z, 16)
    for noise in FINITE:
        outcomes = noise.outcomes(slope)
        assert sum(q for _, q in outcomes) == 1 and sum(g * q for g, q in outcomes) == slope
        excess = float(sum(q * max(g - z, 0) for g, q in outcomes))
        shortfall = float(sum(q * max(z - g, 0) for g, q in outcomes))
        above, below = noise.above(float(slope), float(z)), noise.below(float(slope), float(z))
        assert abs(above.value - excess) <= above.error * excess
        assert abs(below.value - shortfall) <= below.error * shortfall
        assert noise.excess(float(slope), float(z)) == above.value
        assert noise.shortfall(float(slope), float(z)) == below.value


@given(st.floats(-5, 5), st.floats(-5, 5), st.sampled_from([0.0, 0.5, 2.0]))
def test_the_excess_of_a_gaussian_is_its_integral(slope, z, sigma):
    noise = Gaussian(sigma)
    for found, side in ((noise.above(slope, z), 1.0), (noise.below(slope, z), -1.0)):
        if sigma == 0:
            assert found.value == max(side * (slope - z), 0.0)
        else:
            # E max(X - x, 0) = int_x^infinity P(X > y) dy for a standard Gaussian X.
            x = side * (z - slope) / sigma
            expected = sigma * quad(lambda y: norm.sf(y), x, np.inf, epsabs=0, epsrel=1e-11)[0]
            assert found.value == pytest.approx(expected, rel=1e-9) and found.error < 1e-10
    difference = noise.excess(slope, z) - noise.shortfall(slope, z)
    assert difference == pytest.approx(slope - z, abs=1e-13)


@pytest.mark.parametrize("x", [-9.0, -1.0, 0.0, 1.9, 2.0, 2.1, 5.0, 12.0, 30.0])
def test_the_loss_of_a_gaussian_has_a_small_relative_error_in_the_tail(x):
    import mpmath

    with mpmath.workdps(80):
        exact = mpmath.npdf(x) - x * mpmath.erfc(x / mpmath.sqrt(2)) / 2
        assert abs(unit_loss(x) / exact - 1) < 1e-14 * (1 + x * x / 4)


def test_a_law_from_its_distribution_function():
    noise = FromCdf(triangle, -2.0, 2.0)
    assert noise.variance == pytest.approx(2 / 3, rel=1e-10)
    assert noise.second_moment(1.0, 3) == pytest.approx(3.0, rel=1e-10)
    for slope, z in ((0.0, 0.0), (0.5, 1.0), (1.0, -4.0), (-1.0, 3.0)):
        x = np.clip(z - slope, -2, 2)
        tail = (2 - x) ** 3 / 24 if x >= 0 else -x + (2 + x) ** 3 / 24
        expected = tail + max(slope - z - 2, 0.0)
        above = noise.above(slope, z)
        assert above.value == pytest.approx(expected, rel=1e-9, abs=1e-15)
        assert noise.shortfall(slope, z) == pytest.approx(expected - (slope - z), rel=1e-9, abs=1e-12)
    endless = FromCdf(lambda x: float(ndtr(x / 2.0)))
    grid = np.linspace(-6, 6, 7)
    np.testing.assert_allclose(endless.excess(grid), Gaussian(2.0).excess(grid), rtol=1e-8)
    assert endless.variance == pytest.approx(4.0, rel=1e-8) and not endless.finite


@pytest.mark.parametrize("precision", ["double", "single"])
def test_the_simulator_draws_the_listed_values_with_their_chances(precision):
    problem, trials = Linear([0.5], noise=THREE, box=(-8.0, 8.0)), 40_000
    run = simulate(
        problem, SGD(), Constant(1.0), steps=2, trials=trials, record=[2], start=[0.0], keep_final=True,
        precision=precision, progress=False,
    )  # fmt: skip
    g = -run.final[:, 0]
    assert set(np.unique(g)) == {-1.0, 0.25, 2.5}
    shares = [(g == v).mean() for v in (-1.0, 0.25, 2.5)]
    # Hoeffding, failure 1e-9 for each share.
    assert np.abs(np.array(shares) - THREE.chances).max() < np.sqrt(np.log(2e9) / (2 * trials))


def test_exact_routes_take_listed_values():
    problem = SeparableQuadratic([1.0], 0.25, noise=THREE, box=(-2.0, 2.0))
    arguments = (problem, SR(0.25), Constant(0.25))
    exact = propagate(*arguments, steps=6, start=[1.0], rational=True, record=[6])
    law = propagate(*arguments, steps=6, start=[1.0], record=[6])
    assert law.gap[-1] == pytest.approx(float(exact.gap[-1]), rel=1e-12)
    run = simulate(*arguments, steps=6, start=[1.0], trials=20_000, record=[6], progress=False)
    assert abs(run.mean("gap")[-1] - law.gap[-1]) < 6 * run.standard_error("gap")[-1]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Finite([1.0, -1.0], [0.75, 0.25]), "values must have mean 0 under chances, got 0.5"),
        (lambda: Finite([1.0, -1.0], [0.5, 0.25]), "chances must be positive with sum 1"),
        (lambda: Finite([1.0, -1.0], [1.5, -0.5]), "chances must be positive with sum 1"),
        (lambda: Finite([1.0, -1.0], [1.0]), r"chances must have shape \(2,\)"),
        (lambda: Finite([np.inf, -1.0], [0.5, 0.5]), "values must be finite"),
        (lambda: Finite([], []), "values must not be empty"),
        (lambda: FromCdf(triangle, 2.0, -2.0), "must have low < 0 < high"),
        (lambda: FromCdf(triangle, np.nan, 2.0), "must have low < 0 < high"),
        (lambda: FromCdf(triangle, -1.0, 2.0), "cdf must rise from 0 at low = -1 to 1 at high = 2"),
        (lambda: FromCdf(lambda x: 1 - triangle(x), -2.0, 2.0), "cdf must rise from 0"),
        (lambda: FromCdf(lambda x: 2.0, -2.0, 2.0), "cdf must rise from 0"),
        (lambda: FromCdf(lambda x: float(ndtr(x - 0.5))), "mean 0, got 0.5"),
    ],
)
def test_bad_laws_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
