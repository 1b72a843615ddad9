"""Quantized activations: a staircase after the ReLU, soft or straight-through in training (Yang et al. 2019)."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import _check
from ..quantization_network import QuantizationFunction, Temperature, initial
from .parameters import scales_of

SAMPLES = 1000  # rows from which the first scales and biases are found


@dataclass(frozen=True)
class QuantizedActivation:
    """How hidden activations are quantized.

    Arguments:
        levels: (n+1,) increasing, from 0: such as (0, 1), or (0, 1, 2, 3).
        slope: the staircase is a sum of sigmoids at temperature T = slope * epoch (from 1), with scales that are
            learned; None: it is hard, passes gradients where its input is at most the highest value, and stays.
        cap: the highest T.

    Raises: ValueError naming the argument.
    """

    levels: Any
    slope: float | None = 10.0
    cap: float = 2000.0

    def __post_init__(self) -> None:
        levels = _check.array("levels", self.levels, ndim=1)
        if not 2 <= levels.size <= 256 or levels[0] != 0 or not (np.diff(levels) > 0).all():
            raise ValueError(f"levels must be 2 to 256 numbers that increase from 0, got {levels.tolist()}")
        object.__setattr__(self, "levels", tuple(levels.tolist()))
        if self.slope is not None:
            Temperature(self.slope, self.cap)

    def temperature(self, epoch: int) -> float:
        """T in epoch 0, 1, ...; infinite for the hard staircase."""
        return np.inf if self.slope is None else Temperature(self.slope, self.cap)(epoch + 1)


@dataclass(frozen=True)
class Staircase:
    """One layer's staircase h -> alpha (sum_i s_i sigma(T (beta h - b_i))), with its arrays of one real type.

    Arguments:
        levels (n+1,), biases (n,): as `QuantizationFunction` has them.
        scales (2,): log alpha and log beta, so that both stay positive whatever moves them.
        temperature (1,): T; infinite: hard.
        straight: hard, with the straight-through gradient.
    """

    levels: tuple[float, ...]
    biases: np.ndarray
    scales: np.ndarray
    temperature: np.ndarray
    straight: bool = False

    @classmethod
    def of(cls, activation: QuantizedActivation, h: np.ndarray) -> "Staircase":
        """The first staircase for activations h >= 0, any shape: beta = 5p/4q, alpha = 1/beta, biases by k-means."""
        f, real = initial(h, activation.levels), h.dtype.type
        scales = np.log([f.alpha, f.beta]).astype(real)
        straight = activation.slope is None
        return cls(f.levels, np.array(f.biases, real), scales, np.full(1, activation.temperature(0), real), straight)

    @property
    def hard(self) -> bool:
        """Whether the temperature is infinite."""
        return bool(np.isinf(self.temperature[0]))

    def at(self, temperature: float) -> "Staircase":
        """A copy of its own at another temperature."""
        other = np.full_like(self.temperature, temperature)
        return replace(self, biases=self.biases.copy(), scales=self.scales.copy(), temperature=other)

    def with_scales(self, scales: np.ndarray) -> "Staircase":
        """The same, with an array (2,) that somebody else moves."""
        return replace(self, scales=scales)

    def astype(self, real: type) -> "Staircase":
        """A copy in another floating-point type."""
        arrays: dict[str, Any] = {
            name: getattr(self, name).astype(real) for name in ("biases", "scales", "temperature")
        }
        return replace(self, **arrays)

    def __call__(self, h: np.ndarray) -> np.ndarray:
        """The quantized activations, of the shape and type of h."""
        f = self._function
        return (f.hard(h) if self.hard else f.soft(h, float(self.temperature[0]))).astype(h.dtype)

    def backward(self, h: np.ndarray, out: np.ndarray, gradient: np.ndarray) -> tuple[np.ndarray, Any]:
        """From the gradient at out = self(h): the gradient at h, and (2,) by the scales, None where it is hard."""
        f = self._function
        if self.hard:
            inside = h <= h.dtype.type(f.values[-1])
            return np.where(inside, gradient, gradient.dtype.type(0)), None
        pulled = gradient * f.slope(h, float(self.temperature[0])).astype(h.dtype)
        return pulled, np.array([np.vdot(gradient, out), np.vdot(pulled, h)], h.dtype)

    @property
    def _function(self) -> QuantizationFunction:
        alpha, beta = scales_of(self.scales)
        return QuantizationFunction(self.levels, self.biases, alpha=alpha, beta=beta)
