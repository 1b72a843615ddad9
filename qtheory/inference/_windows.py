"""Where the windows of a convolution lie in its images."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _arrays

Padding = Literal["valid", "same"]
Pair = tuple[int, int]
Image = tuple[int, int, int]


class Windowed:
    """What all have that an image (height, width, channels), a kernel (kh, kw), a stride and a padding belong to."""

    image: Image
    kernel: Pair
    stride: Pair
    padding: Padding

    @property
    def inputs(self) -> int:
        """How many numbers a patch has."""
        return self.kernel[0] * self.kernel[1] * self.image[2]

    @property
    def takes(self) -> int:
        """How many numbers an image has."""
        return self.image[0] * self.image[1] * self.image[2]

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

    @property
    def after(self) -> Pair:
        """(bottom, right): rows and columns of padding behind the image."""
        (h, w), (top, left), (kh, kw), (down, across) = self.out, self.before, self.kernel, self.stride
        bottom, right = (h - 1) * down + kh - top - self.image[0], (w - 1) * across + kw - left - self.image[1]
        return (0, 0) if self.padding == "valid" else (max(bottom, 0), max(right, 0))

    def inside(self, axis: int) -> NDArray[np.bool_]:
        """(out, kernel) along one axis: whether the tap of the output pixel lies in the image."""
        start = np.arange(self.out[axis])[:, None] * self.stride[axis] - self.before[axis]
        at = start + np.arange(self.kernel[axis])
        found: NDArray[np.bool_] = (at >= 0) & (at < self.image[axis])
        return found

    def require(self, outputs: int) -> None:
        """Make the fields tuples of integers, or raise a ValueError that names one that does not fit."""
        for name, length in (("image", 3), ("kernel", 2), ("stride", 2)):
            object.__setattr__(self, name, counts(name, getattr(self, name), length))
        if self.padding not in ("valid", "same"):
            raise ValueError(f"padding must be valid or same, got {self.padding!r}")
        if self.padding == "valid" and (self.kernel[0] > self.image[0] or self.kernel[1] > self.image[1]):
            raise ValueError(f"kernel must fit into the image {self.image} for valid padding, got {self.kernel}")
        _arrays.inputs(self.inputs, "the size of a patch")
        _arrays.inputs(self.takes, "the size of an image")
        _arrays.inputs(self.pixels * outputs, "the size of the output")


@dataclass(frozen=True)
class Windows(Windowed):
    """The windows alone, of a convolution that is not packed."""

    image: Image
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        self.require(1)


def counts(name: str, value: Any, length: int) -> tuple[int, ...]:
    """`length` positive integers, of a tuple, a list or an array: what has no order names no axes."""
    found = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(found, tuple | list) or len(found) != length:
        raise ValueError(f"{name} must hold {length} integers, got {value!r}")
    return tuple(_arrays.inputs(n, name) for n in found)
