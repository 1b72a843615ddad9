"""Problems on which several theorems are checked."""

import numpy as np

from ...problems import AbsoluteValue, Gaussian, Linear, NoNoise, OneBit, Rademacher, SeparableQuadratic

BOX = (-1.0, 1.0)


def small_quadratic(noise=None, box=BOX) -> SeparableQuadratic:
    """Three coordinates, condition number 4, the optimum off every coarse grid."""
    return SeparableQuadratic([1.0, 2.0, 4.0], [0.3, -0.45, 0.11], noise=noise or Rademacher(0.5), box=box)


def wide_quadratic(d: int = 20) -> SeparableQuadratic:
    """d coordinates with a spectrum from 1 to 4, Gaussian noise."""
    return SeparableQuadratic(np.linspace(1, 4, d), np.linspace(-0.6, 0.7, d), noise=Gaussian(0.5), box=BOX)


def one_bit_quadratic(box=(-1.0, 1.0)) -> SeparableQuadratic:
    """One coordinate, |g| = 1 always: the noisiest gradients of their size."""
    return SeparableQuadratic([1.0], 0.3, noise=OneBit(1.4), box=box)


def tilted_line(slope: float) -> Linear:
    """F(w) = a w on [0, 1], with g = ±1 of mean a: erratum E3's counterexample. G = D = 1."""
    return Linear([slope], noise=OneBit(1.0), box=(0.0, 1.0))


def tilted_kink(slope: float) -> AbsoluteValue:
    """F(w) = a w for w >= 0 and -w below, g = ±1: erratum E3 with its minimiser inside. G = 1, D = 2."""
    return AbsoluteValue([1.0], slope, 0.0, noise=OneBit(1.0), box=(-1.0, 1.0))


def quiet(problem: SeparableQuadratic) -> SeparableQuadratic:
    """The same objective without noise."""
    return SeparableQuadratic(problem.curvature, problem.center, noise=NoNoise(), box=problem.box)
