"""The coarse gradient of a two-layer network over infinitely many Gaussian samples, in closed form.

Symbols: y = v'σ(Zw) with rows of Z (m x n) independent N(0, I); teacher v*, w*; θ the angle between w and w*; μ' what
the estimator puts in place of σ'; r = v'σ(Zw) - v*'σ(Zw*) the residual; g = r Z'(v * μ'(Zw)) the coarse gradient.

| activation | σ(x) | estimators μ'(x) |
| --- | --- | --- |
| heaviside | 1{x > 0} | identity: 1, relu: 1{x > 0}, clipped: 1{0 < x < 1} |
| sign | 1 where x >= 0, else -1 | identity: 1, relu: 1{x > 0}, hardtanh: 1{abs(x) < 1} |

References: Yin, Lyu, Zhang, Osher, Qi, Xin, "Understanding straight-through estimator in training activation
quantized neural nets", ICLR 2019, for the Heaviside activation. Derived anew in proofs/jeong2025/population_loss.md,
proofs/jeong2025/coarse_gradient.md and proofs/jeong2025/clipped_gradient.md, from which the general v comes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, erfc, erfcx

from .. import _check
from .._check import Vector

__all__ = ["ESTIMATORS", "angle", "clipped_coefficients", "coarse_gradient", "crossing_times", "hitting_time", "loss",
           "speed"]  # fmt: skip

ESTIMATORS = {"heaviside": ("identity", "relu", "clipped"), "sign": ("identity", "relu", "hardtanh")}

# E g(q) = c |v|^2 (q - w*) / sqrt(n): the estimators without clipping, and the limits of those with it.
_RELU = 1 / (2 * math.sqrt(2 * math.pi))
_CONSTANT = {
    ("heaviside", "identity"): 2 * _RELU,
    ("heaviside", "relu"): _RELU,
    ("heaviside", "clipped"): _RELU,
    ("sign", "identity"): 4 * _RELU,
    ("sign", "relu"): 2 * _RELU,
    ("sign", "hardtanh"): 4 * _RELU,
}


def angle(w: ArrayLike, w_star: ArrayLike) -> float:
    """The angle between two vectors, in [0, pi], to the last digits also near 0 and pi.

    Arguments: w, w_star: (n,) finite, not zero.   Errors raised: ValueError: bad vectors, shapes that differ.
    """
    a, b = _directions(w, w_star)
    return 2 * math.atan2(float(np.linalg.norm(a - b)), float(np.linalg.norm(a + b)))


def loss(v: ArrayLike, v_star: ArrayLike, w: ArrayLike, w_star: ArrayLike, *, activation: str = "heaviside") -> float:
    """E r^2 / 2. At v = v* it is |v|^2 θ / (2π) for Heaviside and 2 |v|^2 θ / π for sign.

    Arguments
        v, v_star: (m,) output weights of student and teacher.   w, w_star: (n,) hidden weights, not zero.
        activation: "heaviside" or "sign".
    Errors raised: ValueError: bad arrays, shapes that differ, an unknown activation.
    """
    v, v_star = _outputs(v, v_star)
    _constant(activation, "identity")
    turned = 1 - 2 * angle(w, w_star) / math.pi
    norms, product = float(v @ v + v_star @ v_star), float(v @ v_star)
    if activation == "sign":
        return norms / 2 - product * turned
    return (norms - 2 * turned * product + float(v.sum() - v_star.sum()) ** 2) / 8


def coarse_gradient(
    v: ArrayLike,
    v_star: ArrayLike,
    w: ArrayLike,
    w_star: ArrayLike,
    *,
    activation: str = "heaviside",
    ste: str = "identity",
) -> Vector:
    """(n,) E g, for any output weights and any hidden weights.

    Arguments
        v, v_star: (m,) output weights of student and teacher.   w, w_star: (n,) hidden weights, not zero. Only
        "clipped" and "hardtanh" look at the length of w; no estimator looks at that of w_star.
        activation, ste: a row and an estimator of the table above.
    Errors raised: ValueError: bad arrays, shapes that differ, an unknown activation, an estimator it does not have.
    """
    v, v_star = _outputs(v, v_star)
    scale = _constant(activation, ste)
    a, b = _directions(w, w_star)
    own, product = float(v @ v), float(v @ v_star)
    # Only a residual with a mean (Heaviside) meets an estimator with a mean (relu, clipped): the other rows' share.
    others = float(v.sum() * (v.sum() - v_star.sum())) if (activation, ste) in _WITH_MEAN else 0.0
    inside, kept, across = 1.0, 0.0, 1.0
    if ste in ("clipped", "hardtanh"):
        inside, kept, across = _window(angle(w, w_star), 1 / max(math.hypot(*_check.real("w", w)), 1e-300))
    return scale * ((inside * (own + others) + kept * product) * a - across * product * b)


_WITH_MEAN = {("heaviside", "relu"), ("heaviside", "clipped")}


def clipped_coefficients(theta: float, a: float) -> tuple[float, float]:
    """(A, B) of E g = C |v|^2 (A w/|w| - B w*/|w*|), for v = v* and the estimators "clipped" and "hardtanh".

    0 <= B - A and 0 < A + B <= 2; B = A only at θ = 0. B - A is computed without cancellation.

    Arguments: theta: angle in [0, pi].   a: 1 / |w| > 0, the width of the window in standard deviations.
    Errors raised: ValueError: an angle or a width out of range.
    """
    theta = _check.number("theta", theta, least=0.0)
    if theta > math.pi:
        raise ValueError(f"theta must be at most pi, got {theta!r}")
    a = _check.number("a", a, above=0.0)
    _, _, across = _window(theta, a)
    return across - _outward(theta, a), across


def speed(v: ArrayLike, n: int, *, activation: str = "heaviside", ste: str = "identity") -> float:
    """s of E g(q) = s (q - w*), for v = v*, q and w* in {-1, 1}^n and the estimators "identity" and "relu".

    Arguments: v: (m,) output weights.   n: number of inputs, >= 1.   activation, ste: see `coarse_gradient`.
    Errors raised: ValueError: bad arguments, or an estimator with a window, for which there is no such s.
    """
    v = _check.array("v", v, ndim=1)
    n = _check.count("n", n)
    constant = _constant(activation, ste)
    if ste in ("clipped", "hardtanh"):
        raise ValueError(f"ste must be identity or relu, for which E g is a multiple of q - w*, got {ste!r}")
    return constant * float(v @ v) / math.sqrt(n)


def crossing_times(u: Iterable[Any], teacher: Iterable[Any], step: Any, speed: Any) -> tuple[int, ...]:
    """For each coordinate, the first t with sign(u_t) = w*, where u <- u - step speed (sign(u) - w*), sign(0) = 1.

    A wrong coordinate moves by h = 2 step speed. Toward +1 it has arrived when it reaches 0, after ceil(abs(u) / h)
    steps; toward -1 it must pass 0, after floor(abs(u) / h) + 1 steps.

    Arguments
        u: (n,) latent weights.   teacher: (n,) entries -1 and 1.   step, speed: > 0. Integers, floats and fractions
        are taken at their exact values, and the result is exact.
    Errors raised: ValueError: lengths that differ, entries not finite, a teacher not of signs, step or speed <= 0.
    """
    start = [_exact("u", x) for x in u]
    signs = [_exact("teacher", x) for x in teacher]
    if not start or len(start) != len(signs):
        raise ValueError(f"u and teacher must have one length, at least 1, got {len(start)} and {len(signs)}")
    if bad := [x for x in signs if abs(x) != 1]:
        raise ValueError(f"teacher must hold -1 and 1 only, got {bad[0]}")
    h = 2 * _positive("step", step) * _positive("speed", speed)
    return tuple(max(0, math.ceil(-x / h) if w > 0 else x // h + 1) for x, w in zip(start, signs, strict=True))


def hitting_time(u: Iterable[Any], teacher: Iterable[Any], step: Any, speed: Any) -> int:
    """The first t with sign(u_t) = w* in every coordinate: the largest of `crossing_times`, with its arguments."""
    return max(crossing_times(u, teacher, step, speed))


def _window(theta: float, a: float) -> tuple[float, float, float]:
    """1 - e^(-a²/2), e^(-a²/2) erf(a cot θ / sqrt 2), erf(a / (sqrt 2 sin θ))."""
    p, r = _legs(theta, a)
    return -math.expm1(-a * a / 2), math.exp(-a * a / 2) * float(erf(p)), float(erf(r))


def _outward(theta: float, a: float) -> float:
    """B - A = e^(-r²) (erfcx(p) - erfcx(r)) with r² = p² + a²/2: not negative, as erfcx decreases."""
    p, r = _legs(theta, a)
    if not math.isfinite(r) or p < 0:
        return max(0.0, math.exp(-a * a / 2) * float(erfc(p)) - float(erfc(r)))
    return math.exp(-r * r) * max(0.0, float(erfcx(p)) - float(erfcx(r)))


def _legs(theta: float, a: float) -> tuple[float, float]:
    """p = a cot θ / sqrt 2 and r = a / (sqrt 2 sin θ), infinite where sin θ is 0."""
    sine = math.sin(theta)
    if sine <= 0.0:
        return math.copysign(math.inf, math.cos(theta)), math.inf
    with np.errstate(over="ignore"):
        return float(np.float64(a * math.cos(theta)) / sine / math.sqrt(2)), float(np.float64(a) / sine / math.sqrt(2))


def _constant(activation: str, ste: str) -> float:
    if activation not in ESTIMATORS:
        raise ValueError(f"activation must be one of {', '.join(ESTIMATORS)}, got {activation!r}")
    if ste not in ESTIMATORS[activation]:
        raise ValueError(f"ste must be one of {', '.join(ESTIMATORS[activation])} for {activation}, got {ste!r}")
    return _CONSTANT[activation, ste]


def _outputs(v: ArrayLike, v_star: ArrayLike) -> tuple[Vector, Vector]:
    first = _check.array("v", v, ndim=1)
    return first, _check.array("v_star", v_star, shape=first.shape)


def _directions(w: ArrayLike, w_star: ArrayLike) -> tuple[Vector, Vector]:
    """The two unit vectors."""
    first = _check.array("w", w, ndim=1)
    second = _check.array("w_star", w_star, shape=first.shape)
    return _unit("w", first), _unit("w_star", second)


def _unit(name: str, w: Vector) -> Vector:
    largest = float(np.abs(w).max())
    if largest == 0.0:
        raise ValueError(f"{name} must not be zero: it has no direction")
    scaled = w / largest  # so that no square overflows or vanishes
    return scaled / float(np.linalg.norm(scaled))


def _exact(name: str, value: Any) -> Fraction:
    return Fraction(value) if isinstance(value, Rational) else Fraction(_check.number(name, value))


def _positive(name: str, value: Any) -> Fraction:
    x = _exact(name, value)
    if x <= 0:
        raise ValueError(f"{name} must be greater than 0, got {value!r}")
    return x
