import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from qtheory.statistics import mean_interval
from qtheory.theorems.jeong2025.nongaussian_drift import (
    THEOREM,
    DriftCase,
    asymmetry,
    error_of_mass,
    error_of_slope,
    force,
    largest_error,
    uniform_half,
)
from qtheory.two_layer import TwoLayer
from tests.theorems.checks import about, shipped

rational = st.fractions(-4, 4, max_denominator=12)


def test_shipped_instances():
    shipped(THEOREM)


@given(st.integers(4, 24), rational, st.fractions(Fraction(1, 8), 4, max_denominator=8), st.data())
def test_the_formula_holds_for_every_uniform_law(n, mean, half, data):
    total = n - 2 * data.draw(st.integers(0, n))
    case = DriftCase(name="drawn", n=n, mean=mean, half=half, teacher_sum=total)
    assert THEOREM.check(case).verdict == "holds"


@given(st.lists(st.fractions(Fraction(1, 8), 8, max_denominator=8), min_size=1, max_size=6))
def test_symmetric_laws_are_decoupled_exactly(scales):
    case = DriftCase(name="drawn", n=len(scales), law="signs", scales=tuple(scales))
    assert asymmetry(case) == 0


@given(st.lists(st.fractions(Fraction(1, 8), 8, max_denominator=8), min_size=1, max_size=4), rational)
def test_the_asymmetry_is_over_all_vertices(scales, mean):
    case = DriftCase(name="drawn", n=len(scales), law="signs", scales=tuple(scales), mean=mean, without_mean=True)
    cube = list(itertools.product((-1, 1), repeat=case.n))
    rows = [[mean + t * s for t, s in zip(scales, signs, strict=True)] for signs in cube]

    def masses(q):
        above = [z for z in rows if sum(a * b for a, b in zip(z, q, strict=True)) > 0]
        return [sum((z[k] for z in above), Fraction(0)) / len(rows) for k in range(case.n)]

    pace = masses((1,) * case.n)
    errors = [abs(m - a + (2 * a if s < 0 else 0)) for q in cube for m, a, s in zip(masses(q), pace, q, strict=True)]
    assert asymmetry(case) == max(errors)


def test_large_integers_are_exact_too():
    case = DriftCase(name="large", n=3, law="signs", scales=(Fraction(10**30), Fraction(1, 3), Fraction(1)))
    assert asymmetry(case) == 0 and asymmetry(replace(case, mean=Fraction(1, 10**20))) > 0


@pytest.mark.parametrize(("mean", "total"), [(0.3, 2), (-0.4, 0), (0.25, -2)])
def test_two_uniform_features_by_quadrature(mean, total):
    q = {2: (1, 1), 0: (1, -1), -2: (-1, -1)}[total]
    h = 0.8

    def above(z):  # P(q_1 z + q_2 z_2 > 0), z_2 uniform on mean +- h
        below = min(max((-q[0] * z / q[1] - mean + h) / (2 * h), 0), 1)
        return 1 - below if q[1] > 0 else below

    mass = quad(lambda z: above(z) / (2 * h), mean - h, mean + h, limit=200)[0]
    slope = q[0] * quad(lambda z: (z - mean) * above(z) / (2 * h), mean - h, mean + h, limit=200)[0]
    found = uniform_half(2, Fraction(str(mean)), Fraction(str(h)), total)
    assert [float(x) for x in found] == about([mass, slope], abs=1e-7)


def test_data_sets_have_this_mean_gradient():
    n, teacher = 5, np.array([1, 1, -1, 1, -1])
    q = np.array([1, -1, -1, 1, 1])
    half = Fraction(1, 2)
    drawn = [TwoLayer.draw(n, 2048, law="uniform", teacher=teacher, seed=s).coarse_gradient(q) for s in range(60)]
    (mass, slope), (mass_star, slope_star) = (uniform_half(n, half, half, int(x.sum())) for x in (q, teacher))
    exact = [float(half * (mass - mass_star) + a * slope - b * slope_star) for a, b in zip(q, teacher, strict=True)]
    for column, expected in zip(np.transpose(drawn), exact, strict=True):
        assert mean_interval(column, failure=1e-6).contains(expected)
    assert not mean_interval(np.transpose(drawn)[0], failure=1e-6).contains(exact[0] - 0.02)


def test_gaussian_data_with_a_mean_have_the_gradient_of_the_formula():
    n, mean = 4, 0.75
    teacher, q = np.array([1, -1, 1, 1]), np.array([1, -1, -1, 1])
    drawn = [
        TwoLayer.draw(n, 2048, law=lambda rng, shape: rng.standard_normal(shape) + mean, teacher=teacher, seed=s)
        .coarse_gradient(q) for s in range(60)
    ]  # fmt: skip
    case = DriftCase(name="unit variance", n=n, mean=Fraction(3, 4), half=Fraction(math.sqrt(3)))
    (level, pull), (level_star, pull_star) = (force(case, int(x.sum())) for x in (q, teacher))
    for column, a, b in zip(np.transpose(drawn), q, teacher, strict=True):
        assert mean_interval(column, failure=1e-6).contains(level - level_star + a * pull - b * pull_star)


def test_the_errors_shrink_like_the_bounds():
    centred = [largest_error(DriftCase(name="", n=n)) for n in (16, 64)]
    shifted = [largest_error(DriftCase(name="", n=n, mean=Fraction(1, 2), half=Fraction(1, 2))) for n in (16, 64)]
    assert math.log(centred[0] / centred[1], 4) == about(1.5, abs=0.1)
    assert math.log(shifted[0] / shifted[1], 4) == about(1.0, abs=0.15)
    assert [math.log(e(64) / e(256), 4) for e in (error_of_mass, error_of_slope)] == about([1.0, 1.5], abs=0.02)


def test_a_mean_pushes_right_coordinates_off_and_symmetry_does_not():
    for total in (-2, 0, 4):
        pushed = DriftCase(name="", n=8, mean=Fraction(1), teacher_sum=0)
        level, pull = force(pushed, total)
        level_star, pull_star = force(pushed, 0)
        for sign in (1, -1):
            assert np.sign(level - level_star + sign * (pull - pull_star)) == np.sign(total)
    fair = DriftCase(name="", n=8)
    assert len({force(fair, total) for total in range(-8, 9, 2)}) == 1
