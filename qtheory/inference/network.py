"""Packed networks: a multilayer perceptron or convolutional network with +-1 weights and sign activations, in bits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .. import _check
from . import _sources
from ._programs import Hidden
from .convolution import PackedConv, PackedRealConv
from .layers import PackedLinear, PackedReal, PackedScores
from .plan import Plan

__all__ = ["PackedNetwork"]

SMALL = (1, 16, 128)  # the batches that plans are kept for; the last one serves all others

SIGNED, REAL = ("int8", "float32", "float64"), ("uint8", "float64")  # inputs that are taken as they are


@dataclass(frozen=True, eq=False)
class PackedNetwork:
    """Layers in bits, and scores after the last. It never changes, and any number of threads may use it at a time.

    Arguments:
        layers: the hidden layers; only the first may be a `PackedReal` or a `PackedRealConv`, which take real or 8-bit
            inputs. Where it is another, or there is none, the network takes the signs of its inputs, with sign(0) = +1.
        last: the scores.
        classes: labels (outputs,), different integers, finite reals, booleans or texts; None: 0, 1, ...
        name: a text, shown to users.

    Raises: ValueError naming the argument, and the layers that do not fit.
    """

    layers: tuple[Hidden, ...]
    last: PackedScores
    classes: NDArray[Any] = None  # type: ignore[assignment]
    name: str = "network"
    _plans: dict[int, Plan] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        layers = tuple(self.layers)
        for i, layer in enumerate(layers):
            _check.instance("layer", layer, PackedLinear | PackedConv if i else Hidden, "PackedLinear(...)")
        _check.instance("last", self.last, PackedScores, "PackedScores.folded(weight)")
        _check.instance("name", self.name, str, "'network'")
        for i, (before, after) in enumerate(pairwise((*layers, self.last))):
            if before.gives != after.takes:
                raise ValueError(f"layers must fit: layer {i} gives {before.gives}, the next one takes {after.takes}")
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "classes", _labels(self.classes, self.last.outputs))

    @classmethod
    def from_classifier(cls, classifier: Any) -> "PackedNetwork":
        """The network of a fitted `qtheory.estimators.BinaryNetworkClassifier` with binary weights and activations.

        Raises: ValueError for one that is not fitted, or has other activations or hidden weights.
        """
        return cls(*_sources.of_classifier(classifier))

    @classmethod
    def from_state_dict(
        cls,
        arrays: Mapping[str, Any],
        *,
        order: Sequence[str] | None = None,
        latent: bool = False,
        signs: bool = False,
        scale: float = 1.0,
        epsilon: float = 1e-5,
        classes: Any = None,
        name: str = "network",
    ) -> "PackedNetwork":
        """A fully connected network from arrays named as in a PyTorch state dict; nothing of PyTorch is imported.

        A module is what stands before the last dot of a name. One with a `weight` of two axes (outputs, inputs), and
        maybe a `bias`, is a linear layer; one with `running_mean` and `running_var`, and maybe `weight` and `bias`, is
        batch normalisation and belongs to the linear layer before it. Behind each but the last one stands the sign,
        sign(0) = +1. Thresholds are those of float64 arithmetic, in which a float32 network need not round alike.

        Arguments:
            arrays: name -> array or tensor.
            order: the modules in the order of the network; None: as they first appear.
            latent: whether the weights of all but the last layer are latent ones, whose signs are meant (0 is +1).
                Otherwise they must be -m_j and +m_j in output j.
            signs: whether the first layer takes the signs of the inputs, not the inputs.
            scale: inputs are divided by it, a power of 2.
            epsilon: of batch normalisation, >= 0.
            classes, name: as for the class.

        Raises: ValueError naming the array.
        """
        parts = _sources.of_state_dict(
            arrays, order=order, latent=latent, signs=signs, scale=scale, epsilon=epsilon, classes=classes, name=name
        )
        return cls(*parts)

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
        out = np.empty((len(rows), self.last.outputs))
        if len(rows) == 0:
            return out
        if not self._plan(len(rows), threads).run(rows, out):
            self.refuse(rows)
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
        """X as C-contiguous rows (n, inputs) of uint8 or float64 (int8 or float32, too, where only signs count).

        Raises: ValueError for another shape or dtype; numbers not finite or too large are left to `Plan.run`.
        """
        inputs, signs, kept = self._takes
        x = np.asarray(X)
        if x.dtype in kept and x.ndim == 2 and x.shape[1] == inputs and x.flags.c_contiguous:
            return x
        if x.dtype.kind not in "biuf":
            raise ValueError(f"X must be an array of real numbers, got dtype {x.dtype}")
        if x.ndim < 2 or math.prod(x.shape[1:]) != inputs:
            raise ValueError(f"X must have {inputs} numbers a row, got shape {x.shape}")
        if signs and x.dtype.kind in "bu":
            raise ValueError(f"X must be of a signed type, of which this network takes the signs, got {x.dtype}")
        wanted = np.uint8 if x.dtype == np.bool_ else x.dtype if x.dtype in kept else np.float64
        return np.ascontiguousarray(x.reshape(len(x), inputs), wanted)

    @cached_property
    def _takes(self) -> tuple[int, bool, tuple[np.dtype[Any], ...]]:
        """The length of the rows, whether only their signs count, and the dtypes that are taken as they are."""
        first = self.layers[0] if self.layers else self.last
        signs = not isinstance(first, PackedReal | PackedRealConv)
        return first.takes, signs, tuple(map(np.dtype, SIGNED if signs else REAL))

    def refuse(self, rows: NDArray[Any]) -> NoReturn:
        """Raise the ValueError for rows that are not finite, or too large for the first layer."""
        if wrong := int((~np.isfinite(rows)).sum()):
            raise ValueError(f"X must be finite, got {wrong} NaN or infinite entries")
        most, got = (*self.layers, self.last)[0].most, np.abs(rows).max()
        raise ValueError(f"X must be at most {most:g} in size, so that no sum overflows, got {got:g}")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_plans"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _plans={})

    def _plan(self, rows: int, threads: int) -> Plan:
        """A plan that is kept for so many rows, or one for these threads."""
        if threads > 1:
            return Plan(self, rows, threads=threads)
        batch = next((b for b in SMALL if rows <= b), SMALL[-1])
        if batch not in self._plans:
            self._plans.setdefault(batch, Plan(self, batch))
        return self._plans[batch]


def _labels(classes: Any, outputs: int) -> NDArray[Any]:
    labels = np.arange(outputs) if classes is None else np.array(classes)
    if labels.dtype.kind not in "biufU" or labels.shape != (outputs,) or len(np.unique(labels)) != outputs:
        raise ValueError(f"classes must be {outputs} different labels, got shape {labels.shape}, dtype {labels.dtype}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError(f"classes must be finite, got {labels.tolist()}")
    labels.setflags(write=False)
    return labels
