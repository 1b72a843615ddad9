"""Soft weights: sums of sigmoids whose temperature rises, hard in the end (Yang et al. 2019)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from ..methods import SGD
from ..quantization_network import QuantizationFunction, Temperature, initial
from .parameters import Moving, scales_of


@dataclass(frozen=True)
class Sigmoids:
    """Weights alpha (sum_i s_i sigma(T (beta x - b_i)) - o) of latent x, with one alpha, beta and b a layer.

    T = min(slope * epoch, cap), epochs from 1. alpha and beta start as in Yang et al. 2019 and are learned through
    their logarithms, which keeps them positive; biases are found once, from the first weights (by k-means).

    Arguments:
        levels: (n+1,) increasing, before the factor alpha, such as (-1, 0, 1).
        slope, cap: of the temperature, > 0.
        learn: whether alpha and beta move.
        frozen: the weights are hard and nothing of them moves.
        linear: the biases are the midpoints of the levels instead.

    Raises: ValueError naming the argument.

    Reference: Yang et al., "Quantization Networks", CVPR 2019.
    """

    name: ClassVar[str] = "Sigmoids"
    levels: Any
    slope: float = 10.0
    cap: float = 2000.0
    learn: bool = True
    frozen: bool = False
    linear: bool = False

    def __post_init__(self) -> None:
        levels = _check.array("levels", self.levels, ndim=1)
        if not (2 <= levels.size <= 256 and (np.diff(levels) > 0).all()):
            raise ValueError(f"levels must be 2 to 256 increasing numbers, got {levels.tolist()}")
        object.__setattr__(self, "levels", tuple(levels.tolist()))
        Temperature(self.slope, self.cap)

    def temperature(self, epoch: int) -> float:
        """T in epoch 0, 1, ..."""
        return Temperature(self.slope, self.cap)(epoch + 1)


class SoftWeights(Moving):
    """The weights of one layer under Sigmoids.

    Attributes beside those of `Moving`:
        first, before: indices of the hard weights' levels at the start of training, and of the epoch.
        biases (n,): b.   scales: what moves log alpha and log beta, (2,).   temperature: T.
    """

    ARRAYS = (*Moving.ARRAYS, "biases")

    def __init__(
        self, method: Sigmoids, start: np.ndarray, key: int, seed: int, optimizer: str, earlier: Mapping[str, Any]
    ) -> None:
        """`earlier` may hold the "biases" and "scales.x" of another run, which then are not found anew."""
        real = start.dtype.type
        self.spec, self.sigmoids = SGD().lower(real, None), method
        self.shape, self.key, self.seed, self.optimizer = start.shape, key, seed, optimizer
        self.x = start.reshape(-1).copy()
        self.m, self.v = np.zeros_like(self.x), np.zeros(self.x.size if optimizer == "adam" else 0, real)
        biases, scales = _first(method, self.x, earlier)
        self.biases = biases.astype(real)
        self.scales = Moving(SGD(), scales.astype(real), key, seed, optimizer)
        self.w, self.slopes = np.empty_like(self.x), np.empty_like(self.x)
        self.arrays, self.temperature = self.ARRAYS, method.temperature(0)
        self._soften()
        self.first = self._codes()
        self.before = self.first.copy()

    def deployed(self, nearest: bool) -> np.ndarray:
        """A copy of the weights in their shape: hard, if `nearest`, else as they train."""
        if not nearest:
            return self.weight.copy()
        return self._function.hard(self.x).astype(self.x.dtype).reshape(self.shape)

    def begin(self, epoch: int) -> None:
        """Before epoch 0, 1, ...: the temperature rises."""
        self.temperature = self.sigmoids.temperature(epoch)
        self._soften()
        self.before[...] = self._codes()

    def step(self, rule: Any, alpha: float, t: int, gradient: np.ndarray) -> np.ndarray:
        """Move by step t; (2,) how many hard weights now differ from `first`, and from `before`."""
        from ..core import network as core

        if self.sigmoids.frozen:
            return np.zeros(2)
        g, real = np.ascontiguousarray(gradient).reshape(-1), self.x.dtype.type
        core.soft_slopes(*self._sigmoids[:3], self.x, self.slopes)
        self.slopes *= g
        by_scales = np.array([np.vdot(g, self.w), np.vdot(self.slopes, self.x)], real)
        state = self.x, self.m, self.v, self.w, self.w, self.w
        core.move(self.seed, self.spec, rule, real(alpha), t, self.key, self.slopes, *state)
        if self.sigmoids.learn:
            self.scales.step(rule, alpha, t, by_scales)
        self._soften()
        codes = self._codes()
        return np.array([np.sum(codes != self.first), np.sum(codes != self.before)])

    def state(self) -> Iterator[tuple[str, np.ndarray]]:
        yield from super().state()
        for name, array in self.scales.state():
            yield f"scales.{name}", array

    def restore(self, prefix: str, arrays: Mapping[str, np.ndarray]) -> None:
        super().restore(prefix, arrays)
        self.scales.restore(f"{prefix}.scales", arrays)

    @property
    def _function(self) -> QuantizationFunction:
        alpha, beta = scales_of(self.scales.x)
        return QuantizationFunction(self.sigmoids.levels, self.biases, alpha=alpha, beta=beta)

    @property
    def _sigmoids(self) -> tuple[np.ndarray, np.ndarray, Any, Any]:
        """Heights, biases, rate and lowest value, as the core takes them."""
        f, real, T = self._function, self.x.dtype.type, self.temperature
        heights, biases = (f.alpha * f.steps).astype(real), (T * self.biases).astype(real)
        return heights, biases, real(T * f.beta), real(-f.alpha * f.offset)

    def _soften(self) -> None:
        from ..core import network as core

        if self.sigmoids.frozen:
            self.w[...] = self.deployed(True).reshape(-1)
        else:
            core.soften(*self._sigmoids, self.x, self.w)

    def _codes(self) -> np.ndarray:
        return np.searchsorted(self._function.boundaries, self.x, side="right").astype(self.x.dtype)


def _first(method: Sigmoids, x: np.ndarray, earlier: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Biases, and the logarithms of alpha and beta."""
    if "biases" in earlier and "scales.x" in earlier:
        biases = np.asarray(earlier["biases"])
        if biases.size != len(method.levels) - 1:
            raise ValueError(f"start must have {len(method.levels) - 1} biases for the levels, got {biases.size}")
        return biases, np.asarray(earlier["scales.x"])
    if method.linear:  # beta carries the largest weight to 5/4 of the largest level, as it does in `initial`
        levels = np.array(method.levels)
        if not x.any():
            raise ValueError("start must have weights other than 0, to scale by the largest of them")
        beta = 5 * np.abs(levels).max() / (4 * np.abs(x).max())
        return levels[:-1] / 2 + levels[1:] / 2, np.log([1 / beta, beta])
    f = initial(x, method.levels)
    return np.array(f.biases), np.log([f.alpha, f.beta])
