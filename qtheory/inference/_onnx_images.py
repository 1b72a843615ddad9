"""Rows of numbers that an ONNX graph takes for images and back, and its Conv nodes: see `_onnx_operators`.

A packed network keeps images with their channels last, ONNX convolves them with their channels first. A layout follows
each number from the one order to the other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._onnx_constants import size
from ._windows import Image, Windows

LARGEST = 2**24  # numbers of an image
LAST, FIRST = (1, 2, 0), (2, 0, 1)  # of (c, h, w) to (h, w, c), and back


@dataclass(frozen=True)
class Layout:
    """The axes of one row of the flow: their lengths where they are known, and where its numbers stand in our rows.

    places (shape): the index in the network's row; None: in order.
    """

    shape: tuple[int, ...] | None = None
    places: np.ndarray | None = None

    @property
    def width(self) -> int | None:
        """The numbers a row, where they are known."""
        return None if self.shape is None else size(self.shape)

    @property
    def flat(self) -> bool:
        """Whether a row has one axis, or may have."""
        return self.shape is None or len(self.shape) == 1

    def reshaped(self, wanted: list[int]) -> "Layout":
        """With these axes, one of which may be -1."""
        if self.shape is None:
            return self if wanted == [-1] else Layout(tuple(_known(wanted)))
        rest = size([n for n in wanted if n != -1])
        shape = tuple(size(self.shape) // max(rest, 1) if n == -1 else n for n in wanted)
        if wanted.count(-1) > 1 or size(shape) != size(self.shape):
            raise ValueError(f"must keep {size(self.shape)} numbers a row, got shape {wanted}")
        return Layout(shape, None if self.places is None else self.places.reshape(shape))

    def transposed(self, axes: list[int]) -> "Layout":
        """With its axes in another order."""
        if self.shape is None or sorted(axes) != list(range(len(self.shape))):
            raise ValueError(f"must be an order of the axes of rows of shape {self.shape}, got {axes}")
        return Layout(tuple(self.shape[i] for i in axes), self._places().transpose(axes))

    def rows(self, weight: np.ndarray) -> np.ndarray:
        """A matrix (width, outputs) for this flow as one for the network's rows."""
        if self.places is None:
            return weight
        found = np.empty_like(weight)
        found[self.places] = weight
        return found

    def image(self, given: bool) -> Image:
        """(h, w, c) of a flow (c, h, w) of the network's images; `given`: they may be so as the graph's own input."""
        if self.shape is None or len(self.shape) != 3:
            raise ValueError(f"must convolve images (channels, height, width) of known sizes, got shape {self.shape}")
        ordered = np.arange(_bounded(self.shape))
        untouched = given and (self.places is None or (self.places.ravel() == ordered).all())
        if not (untouched or (self._places().transpose(LAST).ravel() == ordered).all()):
            raise ValueError("must convolve images whose channels were the last axis, or the graph's input as it is")
        c, h, w = self.shape
        return h, w, c

    def _places(self) -> np.ndarray:
        if self.places is not None:
            return self.places
        return np.arange(_bounded(self.shape or ())).reshape(self.shape or ())


UNKNOWN = Layout()


def of_images(out: tuple[int, int], channels: int) -> Layout:
    """Images (height, width, channels) as a convolution gives them."""
    shape = (*out, channels)
    return Layout((channels, *out), np.arange(_bounded(shape)).reshape(shape).transpose(FIRST))


def windows(weight: np.ndarray, layout: Layout, attributes: dict[str, Any], given: bool) -> Windows:
    """Those of a Conv node with weight (filters, channels, kh, kw)."""
    if weight.ndim != 4 or 0 in weight.shape:
        raise ValueError(f"weights must have shape (filters, channels, height, width), got {weight.shape}")
    image, kernel = layout.image(given), weight.shape[2:]
    stride = tuple(attributes.get("strides", (1, 1)))
    if len(stride) != 2 or min(stride) < 1:
        raise ValueError(f"strides must be two numbers of at least 1, got {stride}")
    fixed: dict[str, Any] = {"group": 1, "dilations": [1, 1], "kernel_shape": list(kernel)}
    for name, wanted in fixed.items():
        if (found := attributes.get(name, wanted)) != wanted:
            raise ValueError(f"{name} must be {wanted}, got {found}")
    if weight.shape[1] != image[2]:
        raise ValueError(f"weights must have {image[2]} channels, got shape {weight.shape}")
    pads = _pads(attributes, image, kernel, stride)
    if not any(pads):
        return Windows(image, kernel, stride, "valid")
    same = Windows(image, kernel, stride, "same")
    out = tuple((image[a] + pads[a] + pads[a + 2] - kernel[a]) // stride[a] + 1 for a in (0, 1))
    if tuple(pads[:2]) != same.before or out != same.out:
        expected = f"{same.before} before and an output of {same.out}, or none"
        raise ValueError(f"pads must be {expected}, got pads {pads} and an output of {out}")
    return same


def _pads(attributes: dict[str, Any], image: Image, kernel: Any, stride: Any) -> list[int]:
    """Rows before, columns before, rows after, columns after."""
    kind = attributes.get("auto_pad", b"NOTSET").decode()
    if kind in ("NOTSET", "VALID"):
        pads = list(attributes.get("pads", [0] * 4)) if kind == "NOTSET" else [0] * 4
        if len(pads) != 4 or min(pads) < 0:
            raise ValueError(f"pads must be four numbers of at least 0, got {pads}")
        return pads
    if kind not in ("SAME_UPPER", "SAME_LOWER"):
        raise ValueError(f"auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {kind}")
    total = [max((-(-image[a] // stride[a]) - 1) * stride[a] + kernel[a] - image[a], 0) for a in (0, 1)]
    before = [(n + (kind == "SAME_LOWER")) // 2 for n in total]
    return [*before, *(n - b for n, b in zip(total, before, strict=True))]


def _known(shape: list[int]) -> list[int]:
    if min(shape, default=0) < 1:
        raise ValueError(f"must give every length of a row that the graph does not know, got shape {shape}")
    return shape


def _bounded(shape: tuple[int, ...]) -> int:
    if size(shape) > LARGEST:
        raise ValueError(f"an image must have at most {LARGEST} numbers, got shape {shape}")
    return size(shape)
