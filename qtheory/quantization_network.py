"""The quantization function of Quantization Networks: soft while training, hard at inference.   (Yang et al. 2019)

Symbols are the paper's: levels Y, their steps s_i = Y_(i+1) - Y_i, biases b_i in units of u = beta x, temperature T,
scales alpha and beta, and the offset o = -Y_1 (half the sum of the steps where Y is symmetric, 0 for activations).

    soft(x) = alpha (sum_i s_i sigma(T (beta x - b_i)) - o),     hard(x) = alpha (sum_i s_i [beta x >= b_i] - o)

    f = initial(weights, [-1, 0, 1])              # beta = 5p/4q, alpha = 1/beta, biases -0.05 and 0.05
    f.soft(weights, T=Temperature(slope=10)(3))   # epoch 3
    f.gradients(weights, T=30.0).b                # by each bias
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import expit

from . import _check
from ._check import Vector

if TYPE_CHECKING:
    from .surrogates import SigmoidSum

__all__ = ["Gradients", "QuantizationFunction", "Temperature", "harmonic_mean", "initial", "kmeans_biases"]

MIDDLE = 0.05  # the two biases about zero: a twentieth of [-1, 1] becomes 0


class Gradients(NamedTuple):
    """Derivatives of the soft function at every x: x, beta, alpha have the shape of x, b has one axis more, (n,)."""

    x: Vector
    beta: Vector
    b: Vector
    alpha: Vector


@dataclass(frozen=True)
class QuantizationFunction:
    """One layer's quantization function.

    Arguments:
        levels: (n+1,) Y, increasing, 2 to 256 of them; before the factor alpha.
        biases: (n,) b, increasing, in units of beta x.
        alpha, beta: scales of the output and of the input, positive.

    Attributes: steps (n,) s; offset o.

    Raises: ValueError for levels or biases that do not increase or have other shapes, alpha <= 0 or beta <= 0; in the
    methods for an x that is not finite and for T <= 0, or a T whose derivatives are beyond the floats.
    """

    levels: Any
    biases: Any
    alpha: float = 1.0
    beta: float = 1.0
    steps: Vector = field(init=False, repr=False, compare=False)
    offset: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        levels = _levels(self.levels)
        biases = _increasing("biases", _check.array("biases", self.biases, shape=(levels.size - 1,)))
        steps = np.diff(levels)
        steps.setflags(write=False)
        found = {"levels": tuple(levels.tolist()), "biases": tuple(biases.tolist()), "steps": steps}
        scales = {name: _check.number(name, getattr(self, name), above=0) for name in ("alpha", "beta")}
        for name, value in {**found, **scales, "offset": -float(levels[0])}.items():
            object.__setattr__(self, name, value)

    @property
    def boundaries(self) -> Vector:
        """(n,) where the hard function jumps, in units of x: b / beta."""
        return np.array(self.biases) / self.beta

    @property
    def values(self) -> Vector:
        """(n+1,) what the hard function returns: alpha Y."""
        return self.alpha * np.array(self.levels)

    @property
    def symmetric(self) -> bool:
        """Whether levels and biases are mirror images of themselves, so that the soft function is odd."""
        levels, biases = np.array(self.levels), np.array(self.biases)
        return bool((levels == -levels[::-1]).all() and (biases == -biases[::-1]).all())

    def soft(self, x: Any, T: float) -> Vector:
        """The soft function at x (any shape), in training; increasing, between the outer levels."""
        return self.alpha * (expit(self._arguments(x, T)) @ self.steps - self.offset)

    def hard(self, x: Any) -> Vector:
        """The hard function at x (any shape), at inference: one of `values`; a tie goes up, so that sign(0) = 1."""
        return self.values[np.searchsorted(np.array(self.biases), self._scaled(x), side="right")]

    def slope(self, x: Any, T: float) -> Vector:
        """d soft / dx: T beta alpha sum_i s_i sigma_i (1 - sigma_i), positive in exact arithmetic."""
        return self._steepest(T) * (_bell(self._arguments(x, T)) @ self.steps)

    def gradients(self, x: Any, T: float) -> Gradients:
        """The true derivatives of the soft function by x, beta, every b_i and alpha, at x (any shape)."""
        self._steepest(T)
        x = _check.array("x", x)
        bells = T * self.alpha * self.steps * _bell(self._arguments(x, T))
        total = bells.sum(axis=-1)
        return Gradients(self.beta * total, x * total, -bells, self.soft(x, T) / self.alpha)

    def gap(self, x: Any, T: float) -> Vector:
        """soft - hard at x (any shape), with full relative precision wherever its terms have one sign."""
        z = self._arguments(x, T)
        return self.alpha * ((np.where(z < 0, 1.0, -1.0) * expit(-np.abs(z))) @ self.steps)

    def estimator(self, T: float) -> "SigmoidSum":
        """The soft function's slope as a gradient estimator of the hard one, for the compiled core and for M."""
        from .surrogates import Levels, SigmoidSum

        return SigmoidSum(Levels(self.values, self.boundaries), T=T, beta=self.beta)

    def _steepest(self, T: float) -> float:
        """T beta alpha. ValueError where derivatives, which it scales, are beyond the floats."""
        T = _check.number("T", T, above=0)
        if not math.isfinite(T * self.alpha * max(1.0, self.beta) * float(self.steps.sum())):
            raise ValueError(f"T must leave T alpha beta finite, alpha={self.alpha:g}, beta={self.beta:g}, got {T:g}")
        return T * self.alpha * self.beta

    def _scaled(self, x: Any) -> Vector:
        """u = beta x; infinite where that is beyond the floats."""
        with np.errstate(over="ignore"):
            return np.asarray(self.beta * _check.array("x", x))

    def _arguments(self, x: Any, T: float) -> Vector:
        """(..., n) T (beta x - b_i); held where sigma has long been 0 or 1, so that nothing overflows."""
        T = _check.number("T", T, above=0)
        apart = self._scaled(x)[..., None] - np.array(self.biases)
        return T * np.clip(apart, -750.0 / T, 750.0 / T)


@dataclass(frozen=True)
class Temperature:
    """T(epoch) = min(slope * epoch, cap), epochs counted from 1.   (Yang et al. 2019: slope 10 or 5, no cap)

    Arguments: slope > 0 an epoch; cap: the highest T, by default the released code's (which counts epochs from 0).
    Raises: ValueError for a slope or a cap that is not positive, or an epoch before the first.
    """

    slope: float
    cap: float = 2000.0

    def __post_init__(self) -> None:
        for name in ("slope", "cap"):
            object.__setattr__(self, name, _check.number(name, getattr(self, name), above=0))

    def __call__(self, epoch: float) -> float:
        """T in this epoch; a fraction counts the part of the next epoch that is over."""
        return min(self.slope * _check.number("epoch", epoch, least=1), self.cap)


def initial(x: Any, levels: Any, *, middle: float = MIDDLE) -> QuantizationFunction:
    """The function that training starts with.   (Yang et al. 2019, section 3)

    beta = 5p/4q with p = max abs Y and q = max abs x, alpha = 1/beta. Biases: 0 for binary weights {-y, y}; -middle and
    middle for ternary ones {-y, 0, y}; otherwise `kmeans_biases` of beta x, and for symmetric levels through zero the
    two about zero are set to -middle and middle. Binary activations {0, y} get them by k-means too.

    Arguments:
        x: weights or activations of one layer, any shape, not all zero.
        levels: (n+1,) Y, increasing.
        middle: the two biases about zero, > 0, in units of beta x.

    Raises: ValueError for bad levels, an x that is all zero, an empty cluster, or biases that do not increase.
    """
    x, levels = _check.array("x", x).ravel(), _levels(levels)
    middle = _check.number("middle", middle, above=0)
    q = float(np.abs(x).max())
    if q == 0:
        raise ValueError("x must have an entry other than 0, to scale by its largest")
    beta = 5 * float(np.abs(levels).max()) / (4 * q)
    mirrored = bool((levels == -levels[::-1]).all())
    if mirrored and levels.size <= 3:
        biases = np.array([0.0]) if levels.size == 2 else np.array([-middle, middle])
    else:
        biases = kmeans_biases(beta * x, levels.size)
        if mirrored and levels.size % 2:
            half = biases.size // 2
            biases[half - 1 : half + 1] = -middle, middle
    return QuantizationFunction(levels, biases, alpha=1 / beta, beta=beta)


def kmeans_biases(u: Any, clusters: int) -> Vector:
    """(clusters - 1,) midpoints between the sorted centres of k-means clusters of u.   (Yang et al. 2019, section 3)

    Lloyd's iteration by SciPy from centres at equal quantiles of the distinct values, so the same u gives the same
    result, in whatever order. It finds a local optimum, as k-means does.

    Arguments: u: any shape, in units of beta x.   clusters: 2 to 256.
    Raises: ValueError where u has fewer distinct values than there are clusters, or a cluster is left empty.
    """
    from scipy.cluster.vq import kmeans  # not needed to state a theorem

    u = np.sort(_check.array("u", u).ravel())
    clusters = _check.count("clusters", clusters, least=2, most=256)
    distinct = np.unique(u)
    if distinct.size < clusters:
        raise ValueError(f"u must have at least as many distinct values as clusters ({clusters}), got {distinct.size}")
    start = np.quantile(distinct, (np.arange(clusters) + 0.5) / clusters)
    scale = float(np.abs(u).max())
    centres, _ = kmeans((u / scale)[:, None], (start / scale)[:, None], thresh=1e-9)
    if len(centres) < clusters:
        raise ValueError(f"clusters={clusters} leaves {clusters - len(centres)} empty: expected fewer, or another u")
    centres = scale * np.sort(centres.ravel())
    return (centres[:-1] + centres[1:]) / 2


def harmonic_mean(x: float) -> float:
    """Harmonic mean over one period of κ(z) + κ(x - z), 0 <= z <= x, relative to its scale 1/x; κ = σ (1 - σ).

    With x = TΔ, c = x/2: 2 c² / I(c), I(c) = tanh c + c (2 - sech² c) + 2 (sinh³ c / cosh² c) atan(tanh²(c/2)), about
    (2/π) x² exp(-x/2) for large x. Times alpha s / Δ it is the factor between the rates of a custom estimator and of
    its equivalent straight-through estimator, to 1 + O(exp(-x)).

    Raises: ValueError for x < 1e-300 or x > 1400, where it is no normal float.
    """
    c = _check.number("x", x, above=0) / 2
    if c < 0.5e-300:
        raise ValueError(f"x must be at least 1e-300, got {x!r}")
    if c > 700:
        raise ValueError(f"x must be at most 1400, got {x!r}")
    tanh, q = math.tanh(c), math.exp(-c)  # all parts of I times q, so that nothing overflows
    arc = 2 * tanh**2 * (1 - q * q) / 2 * math.atan(math.tanh(c / 2) ** 2)
    return 2 * c * (c * q / (q * (tanh + c * (1 + tanh**2)) + arc))


def _bell(z: Vector) -> Vector:
    """sigma (1 - sigma), without cancellation in either tail."""
    return expit(z) * expit(-z)


def _levels(levels: Any) -> Vector:
    found = _increasing("levels", _check.array("levels", levels, ndim=1))
    if not 2 <= found.size <= 256:
        raise ValueError(f"levels must be 2 to 256 numbers, got {found.size}")
    return found


def _increasing(name: str, values: Vector) -> Vector:
    if not (np.diff(values) > 0).all():
        raise ValueError(f"{name} must increase strictly, got {values.tolist()}")
    return values
