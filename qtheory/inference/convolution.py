"""Convolutions of packed or real images: patches gathered, then one product."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from . import _arrays, _folding
from ._windows import Image, Padding, Pair, Windowed, counts
from .layers import PackedReal, _Dense

__all__ = ["PackedConv", "PackedRealConv"]


class _Windows(Windowed, _Dense):  # type: ignore[override]
    """A convolution's rows are images, and its units the filters at every pixel of the output."""

    @property
    def gives(self) -> int:
        """How many signs an output image has."""
        return self.pixels * self.outputs


@dataclass(frozen=True, eq=False)
class PackedConv(_Windows):
    """A convolution from signs to signs; its rows are images (height, width, channels), channels fastest, packed.

    Output pixel (i, j) sees the rows i s - top ... i s - top + kh - 1 of the image, s the stride, and likewise columns
    (a cross-correlation, as in the deep-learning frameworks).

    Padding "valid": top = 0, and every patch lies inside the image. "same": with stride 1 the output is as large as
    the image, with stride s it has ceil(height / s) rows; top = (kh - 1) // 2. What lies outside the image counts as 0,
    not as +1: it adds nothing to the sum, as for a real convolution padded with zeros.

    Arguments:
        words: (filters, ceil(kh kw channels / 64)) uint64: the weights of a filter in the order (kh, kw, channels).
        image: (height, width, channels).
        kernel: (kh, kw).
        thresholds, flips: (filters,), as `PackedLinear`.
        stride: (vertical, horizontal).
        padding: "valid" or "same".

    Raises: ValueError naming the argument.
    """

    words: _arrays.Words
    image: Image
    kernel: Pair
    thresholds: NDArray[np.int32]
    flips: NDArray[np.bool_]
    stride: Pair = (1, 1)
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        self.require(1)
        words = _arrays.words("words", self.words, self.inputs)
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "thresholds", _arrays.typed("thresholds", self.thresholds, np.int32, (len(words),)))
        object.__setattr__(self, "flips", _arrays.typed("flips", self.flips, np.bool_, (len(words),)))
        _arrays.reachable(self.thresholds, self.inputs)
        self.require(len(words))

    @classmethod
    def folded(
        cls,
        weight: Any,
        image: Pair,
        *,
        mean: Any = 0.0,
        factor: Any = 1.0,
        shift: Any = 0.0,
        stride: Pair = (1, 1),
        padding: Padding = "valid",
    ) -> "PackedConv":
        """The layer sign((z - mean) * factor + shift), z the convolution with weight (kh, kw, channels, filters).

        The weights of filter j are -m_j and +m_j for one m_j > 0; image = (height, width). See `PackedLinear.folded`.
        """
        f = _Filters.of(weight, image)
        a = _folding.affine(len(f.words), f.magnitude, mean, factor, shift)
        thresholds, flips = _folding.integers(a, f.kernel[0] * f.kernel[1] * f.image[2])
        return cls(f.words, f.image, f.kernel, thresholds.astype(np.int32), flips, stride, padding)

    @cached_property
    def local(self) -> NDArray[np.int32]:
        """Thresholds (pixels, filters) for products in which what lies outside the image counts as +1."""
        rows, columns = (self.inside(axis).astype(np.int64) for axis in (0, 1))
        taps = self.signs.reshape(*self.kernel, self.image[2], self.outputs).sum(axis=2, dtype=np.int64)
        seen = np.einsum("ik,jl,kln->ijn", rows, columns, taps).reshape(self.pixels, self.outputs)
        local: NDArray[np.int32] = (self.thresholds + taps.sum(axis=(0, 1)) - seen).astype(np.int32)
        return local


@dataclass(frozen=True, eq=False)
class PackedRealConv(_Windows):
    """A first layer, from real or 8-bit images (height, width, channels), channels fastest, to signs.

    Windows, stride and padding are those of `PackedConv`; what lies outside the image is 0. At each pixel of the output
    the layer does what `PackedReal` does with the patch as its row: for uint8 the sums are exact, for other numbers
    they are a float64 product.

    Arguments:
        words, image, kernel, stride, padding: as `PackedConv`.
        thresholds, flips, scale: as `PackedReal`, one threshold a filter.

    Raises: ValueError naming the argument.
    """

    words: _arrays.Words
    image: Image
    kernel: Pair
    thresholds: NDArray[np.float64]
    flips: NDArray[np.bool_]
    scale: float = 1.0
    stride: Pair = (1, 1)
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        self.require(1)
        for name in ("words", "thresholds", "flips", "scale"):
            object.__setattr__(self, name, getattr(self.patch, name))
        self.require(self.outputs)

    @classmethod
    def folded(
        cls,
        weight: Any,
        image: Pair,
        *,
        mean: Any = 0.0,
        factor: Any = 1.0,
        shift: Any = 0.0,
        scale: float = 1.0,
        stride: Pair = (1, 1),
        padding: Padding = "valid",
    ) -> "PackedRealConv":
        """As `PackedConv.folded`, of images divided by `scale`, a power of 2."""
        f = _Filters.of(weight, image)
        a = _folding.affine(len(f.words), f.magnitude, mean, factor, shift)
        return cls(f.words, f.image, f.kernel, *_folding.reals(a), scale, stride, padding)

    @property
    def most(self) -> float:
        """How large, in size, a number of an image may be."""
        return self.patch.most

    @cached_property
    def patch(self) -> PackedReal:
        """The layer that a patch, as a row, goes through."""
        return PackedReal(self.words, self.inputs, self.thresholds, self.flips, self.scale)


class _Filters(NamedTuple):
    """Weights (kh, kw, channels, filters), packed, and what they tell of a convolution."""

    words: _arrays.Words
    magnitude: NDArray[np.float64]
    image: Image
    kernel: Pair

    @classmethod
    def of(cls, weight: Any, image: Any) -> "_Filters":
        x = _check.array("weight", weight, ndim=4)
        h, w = counts("image", image, 2)
        return cls(*_arrays.split(x.reshape(-1, x.shape[3])), (h, w, x.shape[2]), x.shape[:2])
