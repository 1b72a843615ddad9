"""Packed networks: a multilayer perceptron or convolutional network with +-1 weights and sign activations, in bits."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..core import packed_layers
from .convolution import PackedConv
from .layers import PackedLinear, PackedReal, PackedScores
from .plan import Plan

__all__ = ["PackedNetwork"]

Hidden = PackedReal | PackedLinear | PackedConv
ROWS = 1024  # of a chunk
SMALL = (1, 16, 128, ROWS)  # the batches that plans are kept for


@dataclass(frozen=True, eq=False)
class PackedNetwork:
    """Layers in bits, and scores after the last. It never changes, and any number of threads may use it at a time.

    Arguments:
        layers: the hidden layers; only the first may be a `PackedReal`, which takes real or 8-bit inputs. Where it is
            another, or there is none, the network takes the signs of its inputs, with sign(0) = +1.
        last: the scores.
        classes: labels (outputs,), different integers, finite reals, booleans or texts; None: 0, 1, ...
        name: shown to users.

    Raises: ValueError naming the argument, and the layers that do not fit.
    """

    layers: tuple[Hidden, ...]
    last: PackedScores
    classes: NDArray[Any] = None  # type: ignore[assignment]
    name: str = "network"
    _plans: dict[int, "deque[Plan]"] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        layers = tuple(self.layers)
        for i, layer in enumerate(layers):
            _check.instance("layer", layer, PackedLinear | PackedConv if i else Hidden, "PackedLinear(...)")
        _check.instance("last", self.last, PackedScores, "PackedScores.folded(weight)")
        for i, (before, after) in enumerate(pairwise((*layers, self.last))):
            if before.gives != after.takes:
                raise ValueError(f"layers must fit: layer {i} gives {before.gives}, the next one takes {after.takes}")
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "classes", _labels(self.classes, self.last.outputs))
        object.__setattr__(self, "_plans", {batch: deque() for batch in SMALL})

    @classmethod
    def from_classifier(cls, classifier: Any) -> "PackedNetwork":
        """The network of a fitted `qtheory.estimators.BinaryNetworkClassifier` with binary weights and activations.

        Raises: ValueError for one that is not fitted, or has other activations or hidden weights.
        """
        from ._sources import from_classifier

        return from_classifier(classifier)

    @classmethod
    def from_state_dict(cls, arrays: Mapping[str, Any], **options: Any) -> "PackedNetwork":
        """A network from a PyTorch state dict or other named arrays: see `qtheory.inference.from_state_dict`."""
        from ._sources import from_state_dict

        return from_state_dict(arrays, **options)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(inputs, hidden..., outputs)."""
        all_ = (*self.layers, self.last)
        return (all_[0].takes, *(layer.gives for layer in all_))

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays that the network consists of."""
        arrays = (vars(layer).get(name) for layer in (*self.layers, self.last) for name in layer.__match_args__)
        return sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))

    def scores(self, X: Any, *, threads: int = 1) -> NDArray[np.float64]:
        """The scores (n, outputs), float64, of X (n, inputs), or images that have as many numbers.

        uint8 (and bool) takes the exact path of 8-bit inputs; other numbers are taken as float64. Raises: ValueError.
        """
        rows = self.rows(X)
        _check.count("threads", threads)
        out = np.empty((len(rows), self.sizes[-1]))
        if len(rows) == 0:
            return out
        batch = next((b for b in SMALL if len(rows) <= b), ROWS)
        plan = self._borrowed(batch, threads)
        for i in range(0, len(rows), batch):
            plan.run(rows[i : i + batch], out[i : i + batch])
        if threads == 1:
            self._plans[batch].append(plan)
        return out

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Scores: (n, outputs), or for two classes (n,), positive for classes[1]."""
        scores = self.scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """The labels (n,) of the highest scores, the first of several."""
        return self.labels(self.scores(X))

    def labels(self, scores: NDArray[np.float64]) -> NDArray[Any]:
        """The labels (n,) that scores (n, outputs) stand for."""
        return self.classes[scores.argmax(axis=1)]

    def plan(self, batch: int, *, threads: int = 1) -> Plan:
        """Buffers for batches of at most `batch` rows, to be kept by whoever calls often."""
        return Plan(self, batch, threads=threads)

    def rows(self, X: Any) -> NDArray[Any]:
        """X as C-contiguous rows (n, inputs) of uint8 or float64 (float32 where only signs count), checked."""
        x = np.asarray(X)
        if x.dtype.kind not in "biuf":
            raise ValueError(f"X must be an array of real numbers, got dtype {x.dtype}")
        first = self.layers[0] if self.layers else self.last
        inputs, signs = first.takes, not isinstance(first, PackedReal)
        if x.ndim < 2 or math.prod(x.shape[1:]) != inputs:
            raise ValueError(f"X must have {inputs} numbers a row, got shape {x.shape}")
        if signs and x.dtype.kind in "bu":
            raise ValueError(f"X must be of a signed type, of which this network takes the signs, got {x.dtype}")
        kept = (np.float32, np.float64, np.int8) if signs else (np.uint8, np.float64)
        wanted = np.uint8 if x.dtype == np.bool_ else x.dtype if x.dtype in kept else np.float64
        rows = np.ascontiguousarray(x.reshape(len(x), inputs), wanted)
        if rows.dtype.kind == "f" and not packed_layers.all_finite(rows):
            raise ValueError(f"X must be finite, got {int((~np.isfinite(rows)).sum())} NaN or infinite entries")
        return rows

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_plans"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _plans={batch: deque() for batch in SMALL})

    def _borrowed(self, batch: int, threads: int) -> Plan:
        """A plan that nobody else has: deque's methods are atomic."""
        try:
            return self._plans[batch].pop() if threads == 1 else Plan(self, batch, threads=threads)
        except IndexError:
            return Plan(self, batch)


def _labels(classes: Any, outputs: int) -> NDArray[Any]:
    labels = np.arange(outputs) if classes is None else np.array(classes)
    if labels.dtype.kind not in "biufU" or labels.shape != (outputs,) or len(np.unique(labels)) != outputs:
        raise ValueError(f"classes must be {outputs} different labels, got shape {labels.shape}, dtype {labels.dtype}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError(f"classes must be finite, got {labels.tolist()}")
    labels.setflags(write=False)
    return labels


def assembled(
    dense: Sequence[tuple[Any, dict[str, Any]]], *, real: bool, scale: float, classes: Any, name: str
) -> PackedNetwork:
    """A network of fully connected layers: pairs of weights (inputs, outputs) and arguments of `folded`."""
    hidden: list[Hidden] = []
    for i, (weight, terms) in enumerate(dense[:-1]):
        try:
            if real and i == 0:
                hidden.append(PackedReal.folded(weight, scale=scale, **terms))
            else:
                hidden.append(PackedLinear.folded(weight, **terms))
        except ValueError as error:
            raise ValueError(f"layer {i}: {error}") from None
    return PackedNetwork(tuple(hidden), PackedScores.folded(dense[-1][0], **dense[-1][1]), classes, name)
