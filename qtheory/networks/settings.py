"""How a network is trained, as one checked value."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .. import _check
from ..methods import BC, QAT, SGD, SR, Method, R
from .layers import ACTIVATIONS, Activation
from .sigmoids import Sigmoids
from .staircase import QuantizedActivation

_CHOICES: dict[str, tuple[str, ...]] = {
    "output": ("real", "binary"),
    "optimizer": ("adam", "sgd"),
    "deploy": ("method", "nearest"),
    "precision": ("single", "double"),
    "schedule": ("drops", "cosine"),
}
BETA1, ADAM_EPSILON = 0.9, 1e-8  # of Adam


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Arguments:
        method: SGD() (full precision); BC, SR or R on a grid with a box such as Grid.binary(); QAT; or Sigmoids.
        hidden: sizes of the hidden layers, each >= 1; () is a single layer.
        activations: "relu"; "binary": signs, with the clipped straight-through gradient; or a QuantizedActivation.
        output: "real": the last layer stays in full precision; "binary": it is quantized and normalised like the rest.
        optimizer: "adam" (beta1 0.9, `beta2`), or "sgd" with `momentum` in [0, 1).
        learning_rate: alpha > 0, see `schedule`.
        drops: shares of the epochs, > 0.
        batch_size: rows of a batch at most; an epoch is split into batches that differ by at most one row.
        epochs: >= 1.
        deploy: "method": the trained network has the weights that the method would ask next for a gradient at;
            "nearest": BC's latent weights are rounded to nearest at the end, also where training rounds at random, and
            sums of sigmoids, of weights and of activations, become hard.
        seed: 0 <= seed < 2^63.
        precision: "single" or "double".
        beta2: of Adam, in (0.81, 1): beta1^2 < beta2 keeps its steps bounded.
        schedule: "drops": alpha is divided by 10 from each share of the epochs in `drops` on; "cosine": it falls to 0
            along half a cosine, after the warm-up.
        warmup: share of all steps, in [0, 1), over which alpha rises linearly to its value.

    Raises: ValueError naming the argument.
    """

    method: Method | QAT | Sigmoids
    hidden: tuple[int, ...] = (256,)
    activations: Activation | QuantizedActivation = "relu"
    output: Literal["real", "binary"] = "real"
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9
    learning_rate: float = 0.01
    drops: tuple[float, ...] = (0.5, 0.75)
    batch_size: int = 128
    epochs: int = 20
    deploy: Literal["method", "nearest"] = "method"
    seed: int = 0
    precision: Literal["single", "double"] = "single"
    beta2: float = 0.999
    schedule: Literal["drops", "cosine"] = "drops"
    warmup: float = 0.0

    def __post_init__(self) -> None:
        _check.instance("method", self.method, SGD | BC | SR | R | QAT | Sigmoids, "SR(Grid.binary())")
        if not isinstance(self.method, SGD | QAT | Sigmoids) and self.method.grid.box is None:
            raise ValueError(f"method must round onto a grid with a box such as Grid.binary(), got {self.method!r}")
        if not isinstance(self.activations, QuantizedActivation):
            _one_of("activations", self.activations, ACTIVATIONS)
        for name, values in _CHOICES.items():
            _one_of(name, getattr(self, name), values)
        hidden = tuple(_check.count("hidden", n) for n in _items("hidden", self.hidden))
        drops = tuple(_check.number("drops", s, above=0) for s in _items("drops", self.drops))
        object.__setattr__(self, "hidden", hidden)
        object.__setattr__(self, "drops", drops)
        object.__setattr__(self, "learning_rate", _check.number("learning_rate", self.learning_rate, above=0))
        object.__setattr__(self, "momentum", _check.number("momentum", self.momentum, least=0))
        object.__setattr__(self, "beta2", _check.number("beta2", self.beta2, above=BETA1**2))
        object.__setattr__(self, "warmup", _check.number("warmup", self.warmup, least=0))
        for name in ("momentum", "beta2", "warmup"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} must be below 1, got {getattr(self, name)}")
        _check.count("batch_size", self.batch_size)
        _check.count("epochs", self.epochs)
        _check.count("seed", self.seed, least=0, most=2**63 - 1)

    @property
    def real(self) -> type:
        """The floating-point type of all arrays."""
        return np.float32 if self.precision == "single" else np.float64

    @property
    def activation(self) -> Activation:
        """What stands between layers, before any staircase."""
        return "relu" if isinstance(self.activations, QuantizedActivation) else self.activations

    def rate_at(self, t: int, steps: int) -> float:
        """alpha at step t = 1, ..., steps, of as many steps in each epoch."""
        warm = round(self.warmup * steps)
        if t <= warm:
            return self.learning_rate * t / warm
        if self.schedule == "cosine":
            return self.learning_rate / 2 * (1 + math.cos(math.pi * (t - 1 - warm) / (steps - warm)))
        return self.rate((t - 1) * self.epochs // steps)

    def rate(self, epoch: int) -> float:
        """alpha in epoch 0, 1, ..., epochs - 1 after the warm-up, where the schedule is "drops"."""
        return float(self.learning_rate * 0.1 ** sum(epoch >= share * self.epochs for share in self.drops))

    def rule(self, t: int) -> Any:
        """The core's spec of the optimizer at step t = 1, 2, ..."""
        from ..core import network as core

        if self.optimizer == "sgd":
            return core.Momentum(self.real(self.momentum))
        c1, c2 = (1 / (1 - beta**t) for beta in (BETA1, self.beta2))
        return core.Adam(*(self.real(v) for v in (1 - BETA1, 1 - self.beta2, c1, c2, ADAM_EPSILON)))


def _one_of(name: str, value: Any, values: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in values:
        raise ValueError(f"{name} must be one of {', '.join(values)}, got {value!r}")


def _items(name: str, value: Any) -> Iterable[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ValueError(f"{name} must be a tuple of numbers, got {value!r}")
    return value
