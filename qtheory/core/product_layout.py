"""How weights and thresholds are laid out for the product kernels: bit-sliced, in aligned arrays."""

from typing import NamedTuple

import numpy as np

from .compile import jit
from .product_emit import COLUMNS, LANES, PLANES, SIZE

_ALIGNMENT = 64


def aligned(shape, dtype):
    """An uninitialized C-contiguous array that begins at a multiple of 64 bytes."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % _ALIGNMENT
    return memory[begin : begin + size].view(dtype).reshape(shape)


def realigned(kind, parts):
    """kind(*parts), with copies of the arrays that are aligned, as those out of a pickle need not be."""
    return kind(*(_copy(x) if isinstance(x, np.ndarray) else x for x in parts))


def _copy(x):
    y = aligned(x.shape, x.dtype)
    y[...] = x
    return y


class Weights(NamedTuple):
    """N packed rows of n signs, laid out for the kernels. The arrays' meaning is the kernels' business."""

    n: int
    columns: int
    side: np.ndarray  # (tiles, W, TILE) uint64
    slices: np.ndarray  # (blocks, 64 W + 1, LANES) uint64; no blocks where the planes are too few
    totals: np.ndarray  # (blocks, PLANES, LANES) uint64

    def __reduce__(self):
        return realigned, (type(self), tuple(self))


class Thresholds(NamedTuple):
    """Integer thresholds of the columns, laid out for the kernels."""

    n: int
    columns: int
    tiles: np.ndarray  # (tiles, LIMIT_BYTES) uint8
    planes: np.ndarray  # (blocks, PLANES + 1, LANES) uint64

    def __reduce__(self):
        return realigned, (type(self), tuple(self))


def lines(words):
    """Unsigned words of 8 bytes in this machine's byte order and in C order; anything else as it was."""
    if words.dtype.itemsize != 8:
        return words
    return np.ascontiguousarray(words.astype(np.uint64, copy=False))


@jit(nogil=True)
def slices_into(words, slices):
    """Write the bits of words (N, W) uint64 to slices (blocks, 64 W + 1, SIZE) uint8, zero beforehand.

    Bit r of byte q of vector k is bit k of row SIZE r + q of the block.
    """
    one = np.uint64(1)
    for row in range(words.shape[0]):
        block, inside = row // COLUMNS, row % COLUMNS
        r, q = np.uint8(inside // SIZE), inside % SIZE
        for w in range(words.shape[1]):
            word = words[row, w]
            for k in range(64):
                slices[block, 64 * w + k, q] |= np.uint8(word >> np.uint64(k) & one) << r


def planes_of(values, blocks):
    """Integers (N,) from 0 to 2^PLANES - 1 as planes (blocks, PLANES, LANES) uint64; columns beyond N are 0."""
    padded = np.zeros(blocks * COLUMNS, np.int64)
    padded[: len(values)] = values
    planes = aligned((blocks, PLANES, LANES), np.uint64)
    by_bit = padded.reshape(blocks, 8, SIZE).transpose(0, 2, 1)
    for p in range(PLANES):
        bits = (by_bit >> p & 1).astype(np.uint8)
        planes.view(np.uint8)[:, p] = np.packbits(bits, axis=2, bitorder="little")[..., 0]
    return planes


def totals(words, blocks):
    """The planes of the number of ones in each row of words (N, W) uint64."""
    ones = np.bitwise_count(words).sum(axis=1, dtype=np.int64) if blocks else np.zeros(0, np.int64)
    return planes_of(ones, blocks)


def limit_planes(counts, flips, blocks):
    """The planes (blocks, PLANES + 1, LANES) of limits of counts, and the complemented flips.

    Columns beyond the last get a limit that no count reaches and no flip, so that their bits are 0.
    """
    if not blocks:
        return np.zeros((1, PLANES + 1, LANES), np.uint64)
    limits = np.full(blocks * COLUMNS, 2**PLANES - 1, np.int64)
    limits[: len(counts)] = counts
    straight = np.ones(blocks * COLUMNS, np.int64)
    straight[: len(flips)] = ~flips
    planes = aligned((blocks, PLANES + 1, LANES), np.uint64)
    planes[:, :PLANES] = planes_of(limits, blocks)
    planes[:, PLANES] = planes_of(straight, blocks)[:, 0]
    return planes


def limit_tiles(limits, flips, n, tile):
    """Limits of products, int32, and packed flips of each tile of columns (tiles, 4 tile + tile / 8) uint8.

    Columns beyond the last get a limit that no product is below and no flip, so that their bits are 0.
    """
    tiles = -(-len(limits) // tile)
    padded, bits = np.full(tiles * tile, -n - 3, np.int64), np.zeros(tiles * tile, np.bool_)
    padded[: len(limits)], bits[: len(limits)] = limits, flips
    numbers = padded.astype(np.int32).reshape(tiles, tile).view(np.uint8)
    packed = np.packbits(bits.reshape(tiles, tile), axis=1, bitorder="little")
    return np.concatenate([numbers, packed], axis=1)
