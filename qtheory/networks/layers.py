"""Networks as values: layers of plain arrays, and what they compute.

A layer takes rows h (n, inputs) to z = h @ weight. A normalised layer (every layer with quantized weights) goes on to
gain * (z - mean) / sqrt(variance + EPSILON) + shift; a plain one to z + shift. Between layers stands the activation,
and after it the layer's staircase, where it has one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from .staircase import Staircase

EPSILON = 1e-5  # under the root of batch normalisation
CHUNK = 4096  # rows at a time when a network is only read

Activation = Literal["relu", "binary"]
ACTIVATIONS: tuple[Activation, ...] = ("relu", "binary")


class Layer(NamedTuple):
    """One layer; gain, mean and variance are None in a plain one, `staircase` where activations are not quantized.

    With binary weights and the binary activation, output j is +1 where gain_j (z_j - mean_j) / sqrt(variance_j +
    EPSILON) + shift_j >= 0: a threshold on z_j, turned round where gain_j < 0.
    """

    weight: np.ndarray  # (inputs, outputs)
    shift: np.ndarray  # (outputs,)
    gain: np.ndarray | None = None  # (outputs,)
    mean: np.ndarray | None = None  # (outputs,)
    variance: np.ndarray | None = None  # (outputs,)
    staircase: Staircase | None = None

    @property
    def normalised(self) -> bool:
        return self.gain is not None

    def astype(self, real: type) -> "Layer":
        """A copy in another floating-point type."""
        arrays = {name: a.astype(real) for name, a in self._asdict().items() if a is not None}
        return self._replace(**arrays)


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron: X / scale goes through the layers, with the activation between them ("relu", or
    "binary": the sign, with sign(0) = +1)."""

    layers: tuple[Layer, ...]
    activations: Activation = "relu"
    scale: float = 1.0

    @property
    def sizes(self) -> tuple[int, ...]:
        """(inputs, hidden..., outputs)."""
        return (self.layers[0].weight.shape[0], *(layer.weight.shape[1] for layer in self.layers))

    def scores(self, X: np.ndarray) -> np.ndarray:
        """The last layer's outputs (n, outputs), float64, for rows X (n, inputs); ValueError for others."""
        if np.ndim(X) != 2 or np.shape(X)[1] != self.sizes[0]:
            raise ValueError(f"X must have shape (n, {self.sizes[0]}), got {np.shape(X)}")
        wide = [layer.astype(np.float64) for layer in self.layers]
        out = np.empty((len(X), self.sizes[-1]))
        for i in range(0, len(X), CHUNK):
            h = np.asarray(X[i : i + CHUNK], dtype=np.float64) / self.scale
            for layer in wide[:-1]:
                h = onward(self.activations, layer, affine(layer, h))
            out[i : i + CHUNK] = affine(wide[-1], h)
        return out


def calibrated(network: Network, X: np.ndarray) -> Network:
    """The network with the means and variances that its normalised layers have over rows X (n, inputs) already scaled.

    Running statistics are of weights that have moved on since, or (BC, stochastic) were rounded by other draws.
    """
    layers = list(network.layers)
    for i, layer in enumerate(layers):
        if layer.normalised:
            mean, variance = _moments(layer.weight, _inputs(network.activations, layers[:i], X))
            layers[i] = layer._replace(mean=mean, variance=variance)
    return replace(network, layers=tuple(layers))


def _inputs(activations: Activation, layers: Sequence[Layer], X: np.ndarray) -> Iterator[np.ndarray]:
    """What comes out of the given layers, chunk by chunk."""
    for i in range(0, len(X), CHUNK):
        h = X[i : i + CHUNK]
        for layer in layers:
            h = onward(activations, layer, affine(layer, h))
        yield h


def _moments(weight: np.ndarray, chunks: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (outputs,) of h @ weight over all rows (Chan, Golub and LeVeque 1983)."""
    n, mean, total = 0, np.zeros(weight.shape[1]), np.zeros(weight.shape[1])
    for h in chunks:
        z, m = (h @ weight).astype(np.float64), len(h)
        own = z.mean(axis=0)
        total += ((z - own) ** 2).sum(axis=0) + (own - mean) ** 2 * (n * m / (n + m))
        mean += (own - mean) * (m / (n + m))
        n += m
    return mean.astype(weight.dtype), (total / n).astype(weight.dtype)


def affine(layer: Layer, h: np.ndarray) -> np.ndarray:
    """The layer's output before activation, (n, outputs), with its stored statistics."""
    z = h @ layer.weight
    if layer.gain is None or layer.mean is None or layer.variance is None:
        return z + layer.shift
    return (z - layer.mean) * (layer.gain / np.sqrt(layer.variance + EPSILON)) + layer.shift


def onward(activation: Activation, layer: Layer, a: np.ndarray) -> np.ndarray:
    """What the next layer takes, from the layer's output a (n, outputs) before activation."""
    h = activate(activation, a)
    return h if layer.staircase is None else layer.staircase(h)


def activate(activation: Activation, a: np.ndarray) -> np.ndarray:
    """relu(a), or the sign of a with sign(0) = +1."""
    if activation == "relu":
        return np.maximum(a, 0)
    return np.where(a >= 0, a.dtype.type(1), a.dtype.type(-1))


def passes(activation: Activation, a: np.ndarray) -> np.ndarray:
    """Where the gradient passes the activation, (n, outputs) booleans: a > 0, or |a| <= 1 (straight through)."""
    return a > 0 if activation == "relu" else np.abs(a) <= 1


def softmax(scores: np.ndarray) -> np.ndarray:
    """Class probabilities (n, k) from scores (n, k)."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
