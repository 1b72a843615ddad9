"""Layers of packed networks, as values: +-1 weights in bits, and thresholds for what follows the product.

Signs are packed along a row: input k is bit k % 64 of word k // 64, bit 1 stands for -1, and sign(0) = +1. A unit's
output is +1 where (z >= threshold) != flip, z being its product of weights and inputs.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..core import bits, product
from . import _arrays, _folding

__all__ = ["PackedLinear", "PackedReal", "PackedScores"]

LARGEST = float(np.finfo(np.float64).max)


class _Dense:
    """What layers have in common whose weights (inputs, outputs) are packed by output."""

    words: _arrays.Words
    inputs: int
    thresholds: NDArray[Any]
    flips: NDArray[np.bool_]

    @property
    def outputs(self) -> int:
        """How many units there are."""
        return len(self.words)

    @property
    def takes(self) -> int:
        """The length of the rows that the layer takes."""
        return self.inputs

    @property
    def gives(self) -> int:
        """The length of the rows that it gives."""
        return self.outputs

    @property
    def most(self) -> float:
        """How large, in size, a number may be that the layer takes."""
        return LARGEST

    @property
    def signs(self) -> NDArray[np.int8]:
        """The weights (inputs, outputs), -1 and +1."""
        return np.ascontiguousarray(bits.unpack(self.words, self.inputs).T)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what is laid out for the kernels is aligned in memory, which a copy would not be."""
        fields: tuple[str, ...] = getattr(self, "__match_args__", ())
        return {name: getattr(self, name) for name in fields}

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, **state)

    @cached_property
    def prepared(self) -> Any:
        """The weights laid out for the product, once."""
        return product.prepare(self.words, self.inputs)

    @cached_property
    def limits(self) -> Any:
        """The integer thresholds laid out for the product, whose flips turn z >= t + 1 round, not z >= t."""
        return product.thresholds(self.prepared, self.thresholds - self.flips.astype(np.int32), self.flips)

    @cached_property
    def unlimited(self) -> Any:
        """What the product takes for thresholds where it has none."""
        return product.thresholds(self.prepared, np.zeros(self.outputs, np.int32))

    @cached_property
    def flipped(self) -> _arrays.Words:
        """The flips, packed: (ceil(outputs / 64),)."""
        return bits.of_flags(self.flips)


@dataclass(frozen=True, eq=False)
class PackedLinear(_Dense):
    """A layer from signs to signs.

    Arguments:
        words: (outputs, ceil(inputs / 64)) uint64, the packed weights of each output.
        inputs: how many signs a row has, at most 2^31 - 4.
        thresholds: (outputs,) int32 in [-inputs, inputs + 1]; z >= a threshold is asked of the integer product z.
        flips: (outputs,) booleans: where the output is turned round.

    Raises: ValueError naming the argument.
    """

    words: _arrays.Words
    inputs: int
    thresholds: NDArray[np.int32]
    flips: NDArray[np.bool_]

    def __post_init__(self) -> None:
        _own(self, np.int32)
        _arrays.reachable(self.thresholds, self.inputs)

    @classmethod
    def folded(cls, weight: Any, *, mean: Any = 0.0, factor: Any = 1.0, shift: Any = 0.0) -> "PackedLinear":
        """The layer sign((m z - mean) * factor + shift), sign(0) = +1, decided as float64 computes it.

        z is the exact integer h @ sign(weight). For m other than powers of 2 a float64 sum h @ weight is rounded and
        may miss a tie that m z keeps.

        Arguments:
            weight: (inputs, outputs); column j holds -m_j and +m_j for one m_j > 0.
            mean, factor, shift: (outputs,) or numbers, finite; bias b: shift=b; batch normalisation:
                factor = gain / sqrt(variance + epsilon).
        """
        words, magnitude = _arrays.split(weight)
        n = len(np.asarray(weight))
        a = _folding.affine(len(words), magnitude, mean, factor, shift)
        thresholds, flips = _folding.integers(a, n)
        return cls(words, n, thresholds.astype(np.int32), flips)


@dataclass(frozen=True, eq=False)
class PackedReal(_Dense):
    """A first layer, from real or 8-bit inputs to signs: z = (x / scale) @ signs.

    For uint8 x the sum is of integers, without rounding, by the bits of x; for other x it is a float64 product, whose
    rounding depends on the order of the sum, as in any float64 network. Both agree wherever the float64 sum is exact.
    Rows are refused where |x / scale| exceeds half the largest float64 over `inputs`: no sum overflows, in any order.

    Arguments:
        words, inputs, flips: as `PackedLinear`.
        thresholds: (outputs,) float64, or infinite: -inf, always reached; inf, never.
        scale: a power of 2, so that dividing by it rounds nothing.

    Raises: ValueError naming the argument.
    """

    words: _arrays.Words
    inputs: int
    thresholds: NDArray[np.float64]
    flips: NDArray[np.bool_]
    scale: float = 1.0

    def __post_init__(self) -> None:
        _own(self, np.float64)
        if np.isnan(self.thresholds).any():
            raise ValueError(f"thresholds must be numbers, got {int(np.isnan(self.thresholds).sum())} NaN")
        scale = _check.number("scale", self.scale, above=0)
        if np.frexp(scale)[0] != 0.5 or not 2.0**-512 <= scale <= 2.0**512:
            raise ValueError(f"scale must be a power of 2 between 2^-512 and 2^512, got {self.scale!r}")
        object.__setattr__(self, "scale", scale)

    @classmethod
    def folded(
        cls, weight: Any, *, mean: Any = 0.0, factor: Any = 1.0, shift: Any = 0.0, scale: float = 1.0
    ) -> "PackedReal":
        """As `PackedLinear.folded`, for the layer sign((m z - mean) * factor + shift)."""
        words, magnitude = _arrays.split(weight)
        thresholds, flips = _folding.reals(_folding.affine(len(words), magnitude, mean, factor, shift))
        return cls(words, len(np.asarray(weight)), thresholds, flips, scale)

    @property
    def most(self) -> float:
        """How large, in size, a number of a row may be."""
        return min(LARGEST / (2 * self.inputs) * self.scale, LARGEST)  # half of it, for what rounding adds

    @cached_property
    def dense(self) -> NDArray[np.float64]:
        """The weights (inputs, outputs) for the float64 product."""
        return self.signs.astype(np.float64)

    @cached_property
    def totals(self) -> NDArray[np.int64]:
        """Sums of the weights over the inputs (outputs,)."""
        return self.inputs - 2 * np.bitwise_count(self.words).sum(axis=1, dtype=np.int64)

    @cached_property
    def whole(self) -> NDArray[np.int64]:
        """The thresholds for the integer sum of 8-bit inputs: the least integers of at least threshold * scale."""
        most = _folding.EIGHT_BITS * self.inputs + 1
        with np.errstate(over="ignore", under="ignore"):
            least = np.ceil(self.thresholds * self.scale)
        least = np.where((self.thresholds > 0) & (least == 0), 1, least)  # where the product was rounded to 0
        return np.clip(least, -most, most).astype(np.int64)


@dataclass(frozen=True, eq=False)
class PackedScores(_Dense):
    """A last layer, from signs to real scores: (z - mean) * factor + shift, in float64, of z = h @ weights.

    Exactly one of the two kinds of weights is given. With packed ones z is an integer and the scores are those of the
    float64 network, bit for bit; with real ones z is a float64 sum, always in the order of the inputs.

    Arguments:
        words: (outputs, ceil(inputs / 64)) uint64, or None.
        weight: (inputs, outputs) float32 or float64, finite, or None.
        inputs: how many signs a row has.
        mean, factor, shift: (outputs,) float64, finite.

    Raises: ValueError naming the argument.
    """

    words: _arrays.Words | None  # type: ignore[assignment]
    weight: NDArray[np.floating[Any]] | None
    inputs: int
    mean: NDArray[np.float64]
    factor: NDArray[np.float64]
    shift: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", _arrays.inputs(self.inputs))
        if (self.words is None) == (self.weight is None):
            raise ValueError("words or weight must be given, and not both")
        if self.words is not None:
            object.__setattr__(self, "words", _arrays.words("words", self.words, self.inputs))
            outputs = len(self.words)
        else:
            object.__setattr__(self, "weight", _real_weight(self.weight, self.inputs))
            outputs = self.weight.shape[1]  # type: ignore[union-attr]
        for name in ("mean", "factor", "shift"):
            x = _arrays.typed(name, getattr(self, name), np.float64, (outputs,))
            object.__setattr__(self, name, _check.array(name, x))

    @classmethod
    def folded(cls, weight: Any, *, mean: Any = 0.0, factor: Any = 1.0, shift: Any = 0.0) -> "PackedScores":
        """The layer with weights (inputs, outputs), packed where all are -1 and +1."""
        x = np.asarray(weight)
        if x.ndim != 2 or x.dtype.kind not in "biuf":
            raise ValueError(f"weight must have 2 dimensions of real numbers, got shape {x.shape}, dtype {x.dtype}")
        binary = bool(x.size and (np.abs(x) == 1).all())
        real = x if x.dtype in (np.float32, np.float64) else x.astype(np.float64)
        a = _folding.affine(x.shape[1], 1.0, mean, factor, shift)
        return cls(bits.pack(real.T) if binary else None, None if binary else real, len(x), *a[1:])

    @property
    def outputs(self) -> int:
        """How many scores there are."""
        return self.shift.size

    @cached_property
    def real(self) -> NDArray[np.float64]:
        """The weights (inputs, outputs) float64, of whichever kind."""
        return np.ascontiguousarray(self.signs if self.weight is None else self.weight, np.float64)


def _own(layer: PackedLinear | PackedReal, dtype: Any) -> None:
    """Check what both layers of thresholds have, and make it the layer's own."""
    n = _arrays.inputs(layer.inputs)
    words = _arrays.words("words", layer.words, n)
    object.__setattr__(layer, "inputs", n)
    object.__setattr__(layer, "words", words)
    object.__setattr__(layer, "thresholds", _arrays.typed("thresholds", layer.thresholds, dtype, (len(words),)))
    object.__setattr__(layer, "flips", _arrays.typed("flips", layer.flips, np.bool_, (len(words),)))


def _real_weight(weight: Any, n: int) -> Any:
    x = np.asarray(weight)
    if x.dtype not in (np.float32, np.float64) or x.ndim != 2 or x.shape[0] != n or x.shape[1] < 1:
        expected = f"float32 or float64 of shape ({n}, outputs)"
        raise ValueError(f"weight must be {expected}, got shape {x.shape}, dtype {x.dtype}")
    _check.array("weight", x)
    return _arrays.frozen(x)
