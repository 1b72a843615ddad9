"""Gradient noise: what turns the gradient of F at a point into the stochastic gradient that a method sees."""

from typing import NamedTuple

import numpy as np

from .compile import jit, like, verb, wide
from .random import gaussians, uniform


class NoNoise(NamedTuple):
    """The exact gradient."""

    nothing: int = 0


class Gaussian(NamedTuple):
    """g = gradient + sigma * standard Gaussian."""

    sigma: float


class Rademacher(NamedTuple):
    """g = gradient + sigma or - sigma with equal chance."""

    sigma: float


class OneBit(NamedTuple):
    """g = +scale or -scale, with the gradient as its mean: bounded, and one bit of information."""

    scale: float


class Finite(NamedTuple):
    """g = gradient + one of `values`: the first whose cumulative chance, in `below`, is above the uniform.

    Tuples, not arrays: their length is part of the type, so that the choice compiles to selections.
    """

    values: tuple
    below: tuple  # one less than values: the last needs none


@verb
def noise_words(noise):
    """How many random words a coordinate needs: 0 or 1."""


@noise_words.of(NoNoise)
def _none(noise):
    return 0


@noise_words.of(Gaussian, Rademacher, OneBit, Finite)
def _one(noise):
    return 1


@verb
def sample(noise, words, z, group, n):
    """The stage that fills z[group, n] (float32) from words[(group), n], `group` coordinates at a time."""


@sample.of(NoNoise, OneBit, Finite)
def _sample_nothing(noise, words, z, group, n):
    pass


@sample.of(Gaussian)
def _sample_gaussian(noise, words, z, group, n):
    for h in range(0, group, 2):
        gaussians(words[h], words[h + 1], z[h], z[h + 1], n)


@sample.of(Rademacher)
def _sample_signs(noise, words, z, group, n):
    for h in range(group):
        _signs(words[h], z[h], n)


@jit()
def _signs(words, z, n):
    wide()
    for i in range(n):
        z[i] = np.float32(1.0) if words[i] >> np.uint32(31) else np.float32(-1.0)


@verb
def perturb(noise, gradient, z, word):
    """The stochastic gradient of one coordinate, from its gradient, its sample z and its word."""


@perturb.of(NoNoise)
def _perturb_nothing(noise, gradient, z, word):
    return gradient


@perturb.of(Gaussian, Rademacher)
def _perturb_additive(noise, gradient, z, word):
    return gradient + noise.sigma * z


@perturb.of(OneBit)
def _perturb_one_bit(noise, gradient, z, word):
    scale = noise.scale
    up = scale + gradient > like(gradient, 2.0) * scale * uniform(word, gradient)
    return scale if up else -scale


@perturb.of(Finite)
def _perturb_finite(noise, gradient, z, word):
    u, value = uniform(word, gradient), noise.values[0]
    for k in range(len(noise.below)):
        value = value if u < noise.below[k] else noise.values[k + 1]
    return gradient + value
