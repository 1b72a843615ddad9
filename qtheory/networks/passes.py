"""Training passes: the loss of a batch, and its gradients at the deployed weights."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .layers import EPSILON, Layer, Network, activate, onward, passes


def cross_entropy(scores: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean cross entropy in nats of scores (n, k) at classes y (n,) from 0 to k - 1, and its gradient (n, k)."""
    rows, n = np.arange(len(y)), scores.dtype.type(len(y))
    shifted = scores - scores.max(axis=1, keepdims=True)
    gradient = np.exp(shifted)
    total = gradient.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - shifted[rows, y], dtype=np.float64))
    gradient /= total
    gradient[rows, y] -= 1
    gradient /= n
    return loss, gradient


class Tape(NamedTuple):
    """What `forward` keeps of a layer for `backward`."""

    h: np.ndarray  # (n, inputs)
    a: np.ndarray  # (n, outputs): before the activation
    standard: np.ndarray | None  # (n, outputs): (z - mean) / sqrt(variance + EPSILON)
    inverse: np.ndarray | None  # (outputs,): 1 / sqrt(variance + EPSILON)
    mean: np.ndarray | None  # (outputs,): of this batch
    variance: np.ndarray | None  # (outputs,): of this batch
    own: bool = False  # whether the batch was normalised by its own statistics, which then depend on the weights


class Gradient(NamedTuple):
    """Gradients of the loss with respect to a layer's arrays, of their shapes; None where there are none."""

    weight: np.ndarray
    shift: np.ndarray
    gain: np.ndarray | None
    scales: np.ndarray | None = None  # (2,): of a staircase


def forward(network: Network, X: np.ndarray) -> tuple[np.ndarray, list[Tape]]:
    """Scores (n, outputs) of a batch X (n, inputs) in training, and the tape.

    Normalised layers use the statistics of the batch. A batch of one row has no spread: it uses the stored ones.
    """
    tape, h = [], X
    for i, layer in enumerate(network.layers):
        kept = _forward(layer, h)
        tape.append(kept)
        h = kept.a if i == len(network.layers) - 1 else onward(network.activations, layer, kept.a)
    return h, tape


def _forward(layer: Layer, h: np.ndarray) -> Tape:
    z = h @ layer.weight
    if layer.gain is None or layer.mean is None or layer.variance is None:
        z += layer.shift
        return Tape(h, z, None, None, None, None)
    own = len(z) > 1
    mean = z.mean(axis=0)
    z -= mean if own else layer.mean
    variance = np.einsum("ij,ij->j", z, z) / z.dtype.type(len(z))
    inverse = 1 / np.sqrt((variance if own else layer.variance) + z.dtype.type(EPSILON))
    z *= inverse
    return Tape(h, z * layer.gain + layer.shift, z, inverse, mean, variance, own)


def backward(network: Network, tape: Sequence[Tape], gradient: np.ndarray) -> list[Gradient]:
    """Gradients of every layer, from the gradient (n, outputs) with respect to the scores.

    Weights are taken as deployed; signs pass the gradient where |a| <= 1 (straight through).
    """
    found: list[Gradient] = []
    for i in reversed(range(len(network.layers))):
        layer, kept = network.layers[i], tape[i]
        scales = None
        if i < len(network.layers) - 1:
            if layer.staircase is not None:
                h = activate(network.activations, kept.a)
                gradient, scales = layer.staircase.backward(h, tape[i + 1].h, gradient)
            gradient = np.where(passes(network.activations, kept.a), gradient, gradient.dtype.type(0))
        shift, gain, gradient = _through_normalisation(layer, kept, gradient)
        found.append(Gradient(kept.h.T @ gradient, shift, gain, scales))
        if i:
            gradient = gradient @ layer.weight.T
    return found[::-1]


def _through_normalisation(layer: Layer, kept: Tape, gradient: np.ndarray) -> tuple[Any, Any, np.ndarray]:
    """Gradients with respect to shift, gain and z."""
    shift = gradient.sum(axis=0)
    if kept.standard is None or kept.inverse is None or layer.gain is None:
        return shift, None, gradient
    gain = np.einsum("ij,ij->j", gradient, kept.standard)
    if kept.own:
        n = gradient.dtype.type(len(gradient))
        gradient = gradient - kept.standard * (gain / n) - shift / n
    return shift, gain, gradient * (layer.gain * kept.inverse)
