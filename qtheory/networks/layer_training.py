"""A layer while it is trained: what moves in it, and what is only measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..methods import QAT, SGD, Method
from .layers import Layer
from .parameters import Moving, given_start, start_of
from .passes import Gradient, Tape
from .settings import Settings
from .sigmoids import Sigmoids, SoftWeights
from .staircase import QuantizedActivation, Staircase

RUNNING = 0.1  # weight of a batch in the running statistics
START = 0  # with the seed and the layer, the key of NumPy's generator

Arrays = Mapping[str, np.ndarray]


class LayerInTraining:
    """What moves in a layer (weight, shift, gain if normalised, scales of a staircase), and its running statistics."""

    def __init__(
        self, settings: Settings, inputs: int, outputs: int, index: int, plain: bool, start: Arrays | None
    ) -> None:
        """`start`: a checkpoint of another run whose arrays are the first ones."""
        method, real = SGD() if plain else settings.method, settings.real
        self.settings, self.index, self.start = settings, index, start or {}
        rng = np.random.default_rng([settings.seed, START, index])
        weight = self._given(0, start_of(method, inputs, outputs, rng, real))
        if f"{index}.0.x" in self.start:
            weight = given_start(method, weight).astype(real)
        rest = [self._given(1, np.zeros(outputs, real)), self._given(2, np.ones(outputs, real))]
        self.moving = [self._weights(method, weight)]
        self.moving += [self._full(i, x) for i, x in enumerate(rest[: 1 if plain else 2], 1)]
        self.statistics: list[np.ndarray] = [] if plain else [np.zeros(outputs, real), np.ones(outputs, real)]
        self.staircase: Staircase | None = None
        self.activation: QuantizedActivation | None = None

    def _given(self, i: int, otherwise: np.ndarray) -> np.ndarray:
        """Array i of the start, in the shape and type of the one that stands for it where there is none."""
        name = f"{self.index}.{i}.x"
        found = self.start.get(name)
        if found is None:
            return otherwise
        if np.size(found) != otherwise.size:
            raise ValueError(f"start[{name!r}] must have {otherwise.size} entries, got {np.size(found)}")
        if not np.isfinite(found).all():
            raise ValueError(f"start[{name!r}] must be finite, got NaN or infinite entries")
        return np.array(found, otherwise.dtype).reshape(otherwise.shape)

    def _weights(self, method: Method | QAT | Sigmoids, weight: np.ndarray) -> Moving:
        settings, prefix = self.settings, f"{self.index}.0."
        if isinstance(method, Sigmoids):
            earlier = {name.removeprefix(prefix): self.start[name] for name in self.start if name.startswith(prefix)}
            return SoftWeights(method, weight, 3 * self.index, settings.seed, settings.optimizer, earlier)
        return Moving(method, weight, 3 * self.index, settings.seed, settings.optimizer)

    def _full(self, i: int, x: np.ndarray) -> Moving:
        """An array in full precision; its key is never asked for a random word."""
        return Moving(SGD(), x, 3 * self.index + min(i, 2), self.settings.seed, self.settings.optimizer)

    def quantize_activations(self, activation: QuantizedActivation, h: np.ndarray) -> None:
        """Put a staircase after the activation, whose first outputs are h (n, outputs)."""
        staircase = Staircase.of(activation, h)
        earlier = [self.start.get(f"{self.index}.{name}") for name in ("staircase.biases", "3.x")]
        if earlier[0] is not None and earlier[0].shape == staircase.biases.shape:
            staircase.biases[...] = earlier[0]
            staircase.scales[...] = staircase.scales if earlier[1] is None else earlier[1]
        if not staircase.straight:
            self.moving.append(self._full(3, staircase.scales))
            staircase = staircase.with_scales(self.moving[-1].weight)
        self.staircase, self.activation = staircase, activation

    @property
    def layer(self) -> Layer:
        """The layer as deployed now; its arrays follow the training."""
        arrays: list[Any] = [moving.weight for moving in self.moving[:3]] + self.statistics
        return Layer(*arrays)._replace(staircase=self.staircase)

    def deployed(self, nearest: bool) -> Layer:
        """A copy of the layer, with hard weights and activations if `nearest`."""
        arrays: list[Any] = [moving.weight.copy() for moving in self.moving[1:3]]
        arrays += [array.copy() for array in self.statistics]
        layer = Layer(self.moving[0].deployed(nearest), *arrays)
        if self.staircase is None:
            return layer
        hard = nearest or self.staircase.straight
        return layer._replace(staircase=self.staircase.at(np.inf if hard else float(self.staircase.temperature[0])))

    def begin(self, epoch: int) -> None:
        """Before epoch 0, 1, ...: remember the weights, and raise the temperatures."""
        self.moving[0].begin(epoch)
        if self.staircase is not None and self.activation is not None:
            self.staircase.temperature[...] = self.activation.temperature(epoch)

    def step(self, rule: Any, alpha: float, t: int, gradient: Gradient) -> np.ndarray:
        """Move everything; (2,) how many weights of the matrix have changed, see `Moving.step`."""
        given = [g for g in gradient if g is not None]  # a plain layer has no gain
        counts, *_ = [moving.step(rule, alpha, t, g) for moving, g in zip(self.moving, given, strict=True)]
        return counts

    def observe(self, t: int, kept: Tape) -> None:
        """Update the running statistics from a batch of step t."""
        if kept.mean is not None and kept.variance is not None:
            share, n = max(RUNNING, 1 / t), len(kept.h)  # at first a plain mean, which forgets where it began
            for mine, new in zip(self.statistics, (kept.mean, kept.variance * (n / max(n - 1, 1))), strict=True):
                mine += mine.dtype.type(share) * (new - mine)

    def fixed(self) -> dict[str, np.ndarray]:
        """Arrays, by name, that are neither moved nor found from the settings alone."""
        found = {f"{self.index}.statistics.{j}": array for j, array in enumerate(self.statistics)}
        if self.staircase is not None:
            found |= {f"{self.index}.staircase.biases": self.staircase.biases}
            found |= {f"{self.index}.staircase.temperature": self.staircase.temperature}
        return found
