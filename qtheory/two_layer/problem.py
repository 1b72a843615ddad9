"""TwoLayer: a data set, a teacher with binary weights, and the empirical loss and coarse gradient of a student."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from .. import _check
from .._check import Vector
from ..core import bits
from ..core import two_layer as core
from . import _lattice, _slopes, population
from ._lattice import Lattice
from ._slopes import ACTIVATIONS, STES
from .laws import LAWS, Law, standardized

MEMORY = 4 << 30  # bytes that features, in all their layouts, may take
PER_ENTRY = 34  # bytes: four doubles at the peak, while drawn; 8 more where standardized
SLOTS = 64 << 20  # bytes of pre-activations that are held at a time
BLOCK, UNITS = 1 << 17, 1 << 12  # of a block, which stays in the cache: entries, and pairs of a sample and a unit


class Layout(NamedTuple):
    """What the compiled core runs on: specs and arrays, the samples cut into blocks."""

    data: Any
    activation: Any
    ste: Any
    v: np.ndarray  # (m,) float32
    labels: np.ndarray  # (blocks, L) float32
    teacher: np.ndarray  # (n,) int8
    shape: tuple[int, int, int]  # (blocks, m, L) of the pre-activations


@dataclass(frozen=True, eq=False)
class TwoLayer:
    """The least-squares loss of y = v' sigma(Z q), q in {-1, 1}^n, on N samples that a teacher q = w* has labelled.

        L(q) = 1/(2N) sum_i r_i(q)^2,   r_i(q) = v' sigma(Z_i q) - y_i,   y_i = v' sigma(Z_i w*) + xi_i
        g(q) = 1/N sum_i r_i(q) Z_i' (v * mu'(Z_i q))        the coarse gradient, through the estimator mu

    Features, output weights and label noise are rounded to dyadic lattices (relative steps near 2^-16, 2^-8 and 2^-12)
    on which loss signs and gradients are exact: no result depends on the order of a sum, a batch or a thread.

    Arguments:
        features: (N, m, n) Z; or (N, n), which is m = 1. Features that are all signs are kept packed, a bit each.
        teacher: (n,) w*, of -1 and 1.
        output_weights: (m,) v, not all 0. Default: all equal, a power of two, |v| within a factor sqrt 2 of 1.
        label_noise: (N,) xi. Default: none.
        activation: "heaviside" (1 where x > 0, else 0) or "sign" (1 where x >= 0, else -1).
        ste: mu': "identity" (1), "relu" (x > 0), "clipped" (0 < x < 1), "hardtanh" (|x| < 1), or a function that
            Numba compiles, of a float32; its values, from -8 to 8, are rounded to multiples of 2^-8.

    Errors raised: ValueError for shapes, values or names that do not fit, and for data too long for exact sums; where a
    gradient is asked for, and the function `ste` returns NaN or a value beyond 8 at a sample.

    Source: the set-up of Jeong, Xin and Yin, Beyond Discreteness (2025), as reconstructed here from its abstract and
    from Yin et al. (2019); compare with the paper.
    """

    features: Any
    teacher: Any
    output_weights: Any = None
    label_noise: Any = None
    activation: str = "heaviside"
    ste: str | Callable[[float], float] = "identity"
    lattice: Lattice = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _choice("activation", self.activation, ACTIVATIONS)
        if not callable(self.ste):
            _choice("ste", self.ste, STES)
        features = self._features()
        samples, m, n = features.shape
        v = equal_weights(m) if self.output_weights is None else self.output_weights
        v = _check.array("output_weights", v, shape=(m,))
        if not v.any():
            raise ValueError("output_weights must not all be 0: the network would be constant")
        noise = np.zeros(samples) if self.label_noise is None else self.label_noise
        noise = _check.array("label_noise", noise, shape=(samples,))
        _lattice.require_range("features", features)
        _lattice.require_range("output_weights", v)
        v, weights = _lattice.fit_weights(v)
        noise, residuals = _lattice.fit_noise(noise, weights)
        lattice = _lattice.fit_features(features, v, noise, weights, residuals, callable(self.ste))
        features /= lattice.features
        np.rint(features, out=features)
        features *= lattice.features
        self._set(
            lattice=lattice, features=features.astype(np.float32), teacher=signs("teacher", self.teacher, n),
            output_weights=v, label_noise=noise,
        )  # fmt: skip

    def _features(self) -> Vector:
        z = _check.real("features", self.features)
        if z.ndim == 2:
            z = z[:, None, :]
        if z.ndim != 3:
            raise ValueError(f"features must have shape (N, m, n) or (N, n), got {np.shape(self.features)}")
        check_memory(*z.shape)
        z = _check.array("features", z)  # a copy of our own
        z.setflags(write=True)
        return z

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    @classmethod
    def draw(
        cls, n: int, samples: int, *, m: int = 1, law: str | Law = "gaussian", teacher: Any = None,
        output_weights: Any = None, label_noise: float = 0.0, activation: str = "heaviside",
        ste: str | Callable[[float], float] = "identity", standardize: bool = False, seed: int = 0,
    ) -> Self:  # fmt: skip
        """A random instance; the same whatever else is drawn elsewhere.

        Arguments:
            n, samples, m: features, samples N and hidden units.   law: a name in `laws.LAWS`, or a function
            (rng, (N, m, n)) -> features.   teacher: (n,) signs; default: fair coins.   label_noise: the standard
            deviation of the normal xi.   standardize: every feature to mean 0, variance 1 over the data set, before
            the teacher sees it.   seed: of all of these.   output_weights, activation, ste: see the class.
        """
        n, samples, m = _check.count("n", n), _check.count("samples", samples), _check.count("m", m)
        sigma = _check.number("label_noise", label_noise, least=0.0)
        check_memory(samples, m, n)
        if isinstance(law, str):
            _choice("law", law, LAWS)
            law = LAWS[law]
        elif not callable(law):
            raise ValueError(f"law must be a name or a function of (rng, shape), got {law!r}")
        rng = np.random.Generator(np.random.Philox(_check.count("seed", seed, least=0)))
        coins = 1 - 2 * rng.integers(0, 2, n)  # always drawn, so that a given teacher changes nothing else
        drawn = coins if teacher is None else teacher
        features = _check.array("the law's features", law(rng, (samples, m, n)), shape=(samples, m, n))
        noise = sigma * rng.standard_normal(samples) if sigma else None
        return cls(standardized(features) if standardize else features, drawn, output_weights, noise, activation, ste)

    @property
    def samples(self) -> int:
        """N."""
        return int(self.features.shape[0])

    @property
    def m(self) -> int:
        """Hidden units."""
        return int(self.features.shape[1])

    @property
    def n(self) -> int:
        """Features, and binary weights."""
        return int(self.features.shape[2])

    @cached_property
    def labels(self) -> Vector:
        """(N,) y."""
        y = self._output(self.teacher[None])[0] + self.label_noise
        y.setflags(write=False)
        return y

    @property
    def speed(self) -> float:
        """s with E g(q) = s (q - w*) for Gaussian features. ValueError for estimators without such a drift."""
        if callable(self.ste):
            raise ValueError("a user's estimator has no known drift of the form s (q - w*): use identity or relu")
        return population.speed(self.output_weights, self.n, activation=self.activation, ste=self.ste)

    def output(self, q: Any) -> Vector:
        """(P, N) v' sigma(Z q) at the patterns q (P, n), or (N,) at one of them (n,)."""
        patterns = _patterns(q, self.n)
        out = self._output(patterns)
        return out[0] if np.ndim(q) == 1 else out

    def _output(self, patterns: np.ndarray) -> Vector:
        pre = np.einsum("imn,pn->pim", self.features, patterns.astype(np.float32))
        fired = pre > 0 if self.activation == "heaviside" else np.where(pre >= 0, 1.0, -1.0)
        return np.asarray(fired @ self.output_weights)

    def loss(self, q: Any) -> Vector:
        """(P,) L(q) at the patterns q (P, n), or a number at one of them (n,)."""
        return self._evaluate(q)[0]

    def coarse_gradient(self, q: Any) -> Vector:
        """(P, n) g(q) at the patterns q (P, n), or (n,) at one of them; correctly rounded."""
        return self._evaluate(q)[1]

    def _evaluate(self, q: Any) -> tuple[Vector, Vector]:
        patterns = np.ascontiguousarray(_patterns(q, self.n))
        gradient, squares = np.empty(patterns.shape), np.empty(len(patterns))
        pre, at = self.slots(len(patterns))
        for first in range(0, len(patterns), len(at)):
            part = slice(first, first + len(at))
            some = np.arange(len(patterns[part]))
            layout = self.layout
            core.coarse_gradients(
                layout.data, layout.activation, layout.ste, layout.v, layout.labels, some, patterns[part], at, pre,
                gradient[part], squares[part],
            )  # fmt: skip
        _slopes.require_finite(self.ste, gradient)
        loss, gradient = squares / (2 * self.samples), gradient / self.samples
        return (loss[0], gradient[0]) if np.ndim(q) == 1 else (loss, gradient)

    def slots(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Room for the pre-activations of as many patterns as fit, at most `most`, and for these patterns."""
        shape = self.layout.shape
        count = max(1, min(most, SLOTS // (4 * math.prod(shape))))
        return np.zeros((count, *shape), np.float32), np.zeros((count, self.n), np.int8)

    @cached_property
    def layout(self) -> Layout:
        """The arrays of the compiled core."""
        samples, m, n = self.features.shape
        size = 16 * max(1, min(BLOCK // (16 * m * n), UNITS // (16 * m), math.ceil(samples / 16)))
        blocks = math.ceil(samples / size)
        z = np.zeros((blocks * size, m, n), np.float32)
        z[:samples] = self.features
        z = z.reshape(blocks, size, m, n)
        real = (np.arange(blocks * size) < samples).astype(np.float32).reshape(blocks, size)
        v = self.output_weights.astype(np.float32)
        resting = 0.0 if self.activation == "heaviside" else float(v.sum())  # the output of a row of zeros
        labels = np.full(blocks * size, resting, np.float32)
        labels[:samples] = self.labels
        return Layout(
            self._data(z, real), ACTIVATIONS[self.activation], self.estimator, v, labels.reshape(blocks, size),
            self.teacher, (blocks, m, size),
        )  # fmt: skip

    @property
    def estimator(self) -> Any:
        """The core's spec of the estimator."""
        return _slopes.spec(self.ste)

    @property
    def packed(self) -> bool:
        """Whether all features are signs, so that they are kept packed."""
        return bool((np.abs(self.features) == 1).all())

    def _data(self, z: np.ndarray, real: np.ndarray) -> Any:
        blocks, size, m, n = z.shape
        units = np.swapaxes(z, 1, 2).reshape(blocks, m * size, n)
        if self.packed:
            words = bits.pack(units.reshape(-1, n)).reshape(blocks, m * size, -1)
            return core.Packed(np.ascontiguousarray(np.swapaxes(words, 1, 2)), real)
        columns = np.ascontiguousarray(np.transpose(z, (0, 3, 2, 1)))
        if self.ste != "identity":
            return core.Dense(columns, np.ascontiguousarray(units))
        rows = np.einsum("bimn,m->bin", z.astype(np.float64), self.output_weights)
        single = rows.astype(np.float32)
        return core.Combined(columns, single if (single == rows).all() else rows)


def equal_weights(m: int) -> Vector:
    """(m,) all 2^-k, with k the integer nearest to log2(m) / 2."""
    return np.full(m, 2.0 ** -round(math.log2(m) / 2))


def check_memory(samples: int, m: int, n: int) -> None:
    """ValueError where a data set of this size would take more than MEMORY bytes."""
    need = PER_ENTRY * samples * m * n
    if need > MEMORY:
        raise ValueError(
            f"{samples} samples of {m} x {n} features need about {need / 2**30:.1f} GiB, more than the "
            f"{MEMORY / 2**30:.0f} GiB that a data set may take: at most {MEMORY // (PER_ENTRY * m * n)} samples fit; "
            "cut the study into smaller data sets, or raise qtheory.two_layer.problem.MEMORY"
        )


def signs(name: str, value: Any, n: int) -> np.ndarray:
    """(n,) int8 of -1 and 1."""
    x = _check.array(name, value, shape=(n,))
    if not (np.abs(x) == 1).all():
        raise ValueError(f"{name} must hold -1 and 1 only, got {x[np.abs(x) != 1][0]:g}")
    return x.astype(np.int8)


def _patterns(q: Any, n: int) -> np.ndarray:
    x = np.atleast_2d(np.asarray(q))
    if x.ndim != 2 or x.shape[1] != n or x.dtype.kind not in "biuf":
        raise ValueError(f"q must have shape (P, {n}) or ({n},), got {np.shape(q)}")
    if not (np.abs(x) == 1).all():
        raise ValueError(f"q must hold -1 and 1 only, got {x[np.abs(x) != 1][0]:g}")
    return x.astype(np.int8)


def _choice(name: str, value: Any, known: dict) -> None:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
