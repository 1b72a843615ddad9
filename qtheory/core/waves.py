"""Two periodic slopes for experiments: exp of a trigonometric polynomial, and a tent."""

from typing import NamedTuple

import numpy as np

from .surrogates import Grid, hard, nearest, surrogate


class Wave(NamedTuple):
    """exp(level + sum_k cosine_k cos(k x) + sine_k sin(k x)), x = rate (w - start)."""

    grid: Grid
    level: float
    cosine: np.ndarray
    sine: np.ndarray
    rate: float
    start: float


class Tent(NamedTuple):
    """top - steep * (distance of w from the nearest of start + period Z)."""

    grid: Grid
    top: float
    steep: float
    start: float
    period: float


@hard.of(Wave, Tent)
def _hard(spec, w):
    return nearest(spec.grid, w)


@surrogate.of(Wave)
def _wave(spec, w, h):
    x, total = spec.rate * (w - spec.start), spec.level
    for k in range(spec.cosine.size):
        total += spec.cosine[k] * np.cos((k + 1) * x) + spec.sine[k] * np.sin((k + 1) * x)
    return np.exp(total) * h


@surrogate.of(Tent)
def _tent(spec, w, h):
    x = (w - spec.start) / spec.period
    return (spec.top - spec.steep * spec.period * abs(x - np.round(x))) * h
