"""Convolutions of packed images: patches gathered bit by bit, then one product."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _check
from . import _arrays, _folding
from .layers import _Dense

__all__ = ["PackedConv"]

Padding = Literal["valid", "same"]
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class PackedConv(_Dense):
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
    image: tuple[int, int, int]
    kernel: Pair
    thresholds: NDArray[np.int32]
    flips: NDArray[np.bool_]
    stride: Pair = (1, 1)
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        for name, length in (("image", 3), ("kernel", 2), ("stride", 2)):
            object.__setattr__(self, name, _counts(name, getattr(self, name), length))
        if self.padding not in ("valid", "same"):
            raise ValueError(f"padding must be valid or same, got {self.padding!r}")
        if self.padding == "valid" and (self.kernel[0] > self.image[0] or self.kernel[1] > self.image[1]):
            raise ValueError(f"kernel must fit into the image {self.image} for valid padding, got {self.kernel}")
        words = _arrays.words("words", self.words, _arrays.inputs(self.inputs, "the size of a patch"))
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "thresholds", _arrays.typed("thresholds", self.thresholds, np.int32, (len(words),)))
        object.__setattr__(self, "flips", _arrays.typed("flips", self.flips, np.bool_, (len(words),)))
        _arrays.reachable(self.thresholds, self.inputs)
        _arrays.inputs(self.takes, "the size of an image")
        _arrays.inputs(self.gives, "the size of the output")

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
        x = _check.array("weight", weight, ndim=4)
        words, magnitude = _arrays.split(x.reshape(-1, x.shape[3]))
        a = _folding.affine(x.shape[3], magnitude, mean, factor, shift)
        thresholds, flips = _folding.integers(a, x[..., 0].size)
        size = _counts("image", image, 2)
        return cls(
            words, (size[0], size[1], x.shape[2]), x.shape[:2], thresholds.astype(np.int32), flips, stride, padding
        )

    @property
    def inputs(self) -> int:  # type: ignore[override]
        """How many signs a patch has."""
        return self.kernel[0] * self.kernel[1] * self.image[2]

    @property
    def takes(self) -> int:
        """How many signs an image has."""
        return self.image[0] * self.image[1] * self.image[2]

    @property
    def gives(self) -> int:
        """How many signs an output image has."""
        return self.pixels * self.outputs

    @property
    def out(self) -> Pair:
        """(height, width) of the output."""
        h, w = (
            (n - k) // s + 1 if self.padding == "valid" else -(-n // s)
            for n, k, s in zip(self.image, self.kernel, self.stride, strict=False)
        )
        return h, w

    @property
    def pixels(self) -> int:
        """How many pixels the output has."""
        return self.out[0] * self.out[1]

    @property
    def before(self) -> Pair:
        """(top, left): rows and columns of padding before the image."""
        return (0, 0) if self.padding == "valid" else ((self.kernel[0] - 1) // 2, (self.kernel[1] - 1) // 2)

    @cached_property
    def local(self) -> NDArray[np.int32]:
        """Thresholds (pixels, filters) for products in which what lies outside the image counts as +1."""
        rows, columns = (self._inside(axis).astype(np.int64) for axis in (0, 1))
        taps = self.signs.reshape(*self.kernel, self.image[2], self.outputs).sum(axis=2, dtype=np.int64)
        seen = np.einsum("ik,jl,kln->ijn", rows, columns, taps).reshape(self.pixels, self.outputs)
        local: NDArray[np.int32] = (self.thresholds + taps.sum(axis=(0, 1)) - seen).astype(np.int32)
        return local

    def _inside(self, axis: int) -> NDArray[np.bool_]:
        """(out, kernel) along one axis: whether the tap of the output pixel lies in the image."""
        start = np.arange(self.out[axis])[:, None] * self.stride[axis] - self.before[axis]
        at = start + np.arange(self.kernel[axis])
        inside: NDArray[np.bool_] = (at >= 0) & (at < self.image[axis])
        return inside


def _counts(name: str, value: Any, length: int) -> tuple[int, ...]:
    if isinstance(value, str | bytes) or not hasattr(value, "__len__") or len(value) != length:
        raise ValueError(f"{name} must hold {length} integers, got {value!r}")
    return tuple(_arrays.inputs(n, name) for n in value)
