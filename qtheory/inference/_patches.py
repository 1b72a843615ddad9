"""A first convolution on real or 8-bit images: their patches, which a layer of rows takes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import bits, packed_layers
from ._arrays import Words
from .convolution import PackedRealConv


class RealPatches:
    """A first layer of real or 8-bit images, for up to `most` of them at a time: to packed signs, in `words`.

    rows: what takes up to most * pixels patches (m, kh kw c), and m, to the packed signs (m, ceil(filters / 64)) of
    `layer.patch`.
    """

    def __init__(self, layer: PackedRealConv, most: int, rows: Callable[[Any, int], Words]) -> None:
        self.layer, self.rows, self.most = layer, rows, most
        self.words = np.zeros((most, bits.width(layer.gives)), np.uint64)
        self._patches: dict[str, NDArray[Any]] = {}  # by the type of the images, from the first of it on

    def __call__(self, images: NDArray[Any], m: int) -> Words:
        """The words of m images (m, h w c), uint8 or float64 up to `layer.most`; a buffer, good until the next call."""
        layer, kind, words = self.layer, images.dtype.char, self.words[:m]
        if kind not in self._patches:
            self._patches[kind] = np.empty((self.most * layer.pixels, layer.inputs), images.dtype)
        patches = self._patches[kind][: m * layer.pixels]
        packed_layers.windows_into(images, layer.image, layer.kernel, layer.before, layer.stride, layer.out, patches)
        packed_layers.join_into(self.rows(patches, len(patches)), layer.outputs, words)
        return words
