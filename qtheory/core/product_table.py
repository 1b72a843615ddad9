"""The product for many rows: bit-sliced columns, counted by carry-save adders that a table feeds.

`proofs/inference/carry_save_product.md` has the derivation. Of 64 signs k, number t is paired with number t + 32. The
adder of a pair takes the running parity of everything before and the two disagreements; its sum is again the running
parity, (parity of the weights) ^ (parity of the row's bits), which needs no adder: only the carry remains, and it has
8 values by the row's two bits and its parity. A table holds them, 32 x 8 vectors, for all rows to load from.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compile import jit
from .product_emit import (
    COLUMNS,
    I8,
    I64,
    PLANES,
    SIZE,
    Vectors,
    each,
    store_bits,
    store_float32,
    store_int16,
    store_int32,
)

ROWS = 128  # rows at a time: their partial counts stay in the cache
INT32, INT16, FLOAT32, BITS = range(4)
_PAIRS = 32  # of 64 signs
_LOW = 5  # planes 1 to 5, which 32 carries fill
# Bytes from word to word of the indices and of the carries: no powers of 2, whose multiples share few lines of a cache.
_INDICES, _CARRIES = ROWS * _PAIRS + 64, (ROWS + 1) * SIZE


def scratch_size(width):
    """The bytes of scratch that `carry_save` needs for rows of `width` words."""
    counts = (8 * _PAIRS + 1 + PLANES + ROWS * _LOW) * SIZE
    return counts + _padded(width) * _CARRIES + width * _INDICES + 8 * ROWS + 4 * COLUMNS


def _padded(width):
    return (width + 3) // 4 * 4


_padded_in_kernel = jit()(_padded)


@intrinsic
def _index(context, even, odd, parity, to):
    """Write 32 bytes at the address `to`: 8 (e + 2 o + 4 q) for the bits of three masks, which choose a table entry."""

    def build(c, builder, signature, arguments):
        *masks, to = arguments
        bits, bytes_ = ir.VectorType(ir.IntType(1), _PAIRS), ir.VectorType(I8, _PAIRS)
        zero, total = ir.Constant(bytes_, [0] * _PAIRS), None
        for mask, weight in zip(masks, (8, 16, 32), strict=True):
            chosen = builder.bitcast(builder.trunc(mask, ir.IntType(_PAIRS)), bits)
            part = builder.select(chosen, ir.Constant(bytes_, [weight] * _PAIRS), zero)
            total = part if total is None else builder.or_(total, part)
        builder.store(total, builder.inttoptr(to, bytes_.as_pointer()), align=8)
        return c.get_dummy_value()

    return types.void(types.uint64, types.uint64, types.uint64, types.intp), build


@intrinsic
def _block(context, table, weights, prefix, index, low, carries, rows):
    """Add 64 signs to the counts of `rows` rows. All arguments but the last are addresses.

    weights: 64 vectors; prefix: the parity of all weights before, brought up to date; index: 32 bytes a row; low: 5
    planes a row, brought up to date; carries: one vector a row, overwritten with the carries of weight 64.
    """

    def build(c, builder, signature, arguments):
        table, weights, prefix, index, low, carries, rows = arguments
        v = Vectors(builder)
        _fill_table(v, table, weights, prefix)
        with each(builder, rows) as loop:
            entry = builder.add(index, builder.mul(loop.index, I64(_PAIRS)))
            state = builder.add(low, builder.mul(loop.index, I64(_LOW * SIZE)))

            def leaf(t):
                at = builder.inttoptr(builder.add(entry, I64(t)), I8.as_pointer())
                offset = builder.mul(builder.zext(builder.load(at), I64), I64(SIZE // 8))
                return v.load(builder.add(table, offset), 8 * t)

            states = [v.load(state, p) for p in range(_LOW)]
            carry = v.tree(leaf, states)
            for p in range(_LOW):
                v.store(states[p], state, p)
            v.store(carry, builder.add(carries, builder.mul(loop.index, I64(SIZE))))
        return c.get_dummy_value()

    return types.void(*[types.intp] * 7), build


def _fill_table(v, table, weights, prefix):
    """The carries of 32 pairs by e + 2 o + 4 q: the majority of the prefix ^ q, the even weight ^ e, the odd ^ o."""
    running = v.load(prefix)
    for t in range(_PAIRS):
        even, odd = v.load(weights, t), v.load(weights, t + _PAIRS)
        for choice in range(8):
            e, o, q = choice & 1, choice >> 1 & 1, choice >> 2
            v.store(v.majority(running, even, odd, (q, e, o)), table, 8 * t + choice)
        running = v.parity(running, even, odd)
    v.store(running, prefix)


@intrinsic
def _finish(context, prefix, parity, low, carries, stride, blocks, planes):
    """Gather a row's counts into PLANES planes: its parity, the planes 1 to 5, and the sum of the carries of 64.

    prefix, low, carries, planes: addresses; parity: 0 or -1; stride: bytes from carries to carries; blocks: how many
    carries, a multiple of 4.
    """

    def build(c, builder, signature, arguments):
        prefix, parity, low, carries, stride, blocks, planes = arguments
        v, first = Vectors(builder), _LOW + 1
        v.store(builder.xor(v.load(prefix), v.splat(parity)), planes)
        for p in range(_LOW):
            v.store(v.load(low, p), planes, p + 1)
        for p in range(first, PLANES):
            v.store(v.splat(0), planes, p)

        def add(start, depth):
            states = [v.load(planes, p) for p in range(first, PLANES)]
            tree = states[:depth]

            def leaf(t):
                return v.load(builder.add(start, builder.mul(stride, I64(t))))

            carry, rest = v.tree(leaf, tree), states[depth:]
            v.ripple(rest, carry)
            for p, state in enumerate(tree + rest):
                v.store(state, planes, first + p)

        sixteens = builder.lshr(blocks, I64(4))
        with each(builder, sixteens) as loop:
            add(builder.add(carries, builder.mul(stride, builder.shl(loop.index, I64(4)))), 4)
        rest = builder.add(carries, builder.mul(stride, builder.shl(sixteens, I64(4))))
        with each(builder, builder.lshr(builder.and_(blocks, I64(15)), I64(2))) as loop:
            add(builder.add(rest, builder.mul(stride, builder.shl(loop.index, I64(2)))), 2)
        return c.get_dummy_value()

    return types.void(*[types.intp] * 7), build


@jit()
def _indices(words, first, rows, index, parities):
    """Write the table indices of `rows` rows from `first` on, word by word, and the parity of each row as 0 or -1."""
    low, one = np.uint64(0xFFFFFFFF), np.uint64(1)
    for i in range(rows):
        parity = np.uint64(0)  # of all words before, in every bit
        for w in range(words.shape[1]):
            word = words[first + i, w]
            even, odd = word & low, word >> np.uint64(32)
            prefix = even ^ odd
            for shift in (1, 2, 4, 8, 16):
                prefix ^= prefix << np.uint64(shift)
            _index(even, odd, (prefix << one) ^ parity, index + w * _INDICES + i * _PAIRS)
            parity ^= np.uint64(0) - (prefix >> np.uint64(31) & one)
        parities[i] = np.int64(parity)


@jit(nogil=True)
def carry_save(words, lo, hi, slices, first, last, n, kind, limits, out, scratch):
    """Overwrite rows lo to hi of `out` in the columns of blocks first to last.

    words (M, W) uint64; slices (blocks, 64 W + 1, LANES) uint64; limits (blocks, PLANES + 1, LANES) uint64, used for
    bits; out (M, bytes a row) uint8; scratch: `scratch_size` bytes, aligned to SIZE.
    """
    width, padded = words.shape[1], _padded_in_kernel(words.shape[1])
    table = scratch.ctypes.data
    prefix = table + 256 * SIZE
    planes = prefix + SIZE
    low = planes + PLANES * SIZE
    carries = low + ROWS * 5 * SIZE
    index = carries + padded * _CARRIES
    start = index + width * _INDICES - table
    parities = scratch[start : start + 8 * ROWS].view(np.int64)
    line = scratch[start + 8 * ROWS :]
    for top in range(lo, hi, ROWS):
        rows = min(ROWS, hi - top)
        _indices(words, top, rows, index, parities)
        for block in range(first, last):
            scratch[prefix - table : planes - table] = 0
            scratch[low - table : low - table + rows * 5 * SIZE] = 0
            scratch[carries - table + width * _CARRIES : carries - table + padded * _CARRIES] = 0
            weights = slices[block].ctypes.data
            for w in range(width):
                a, c = index + w * _INDICES, carries + w * _CARRIES
                _block(table, weights + w * 64 * SIZE, prefix, a, low, c, rows)
            for i in range(rows):
                _finish(prefix, parities[i], low + i * 5 * SIZE, carries + i * SIZE, _CARRIES, padded, planes)
                emit(kind, planes, limits, block, n, out, top + i, line)


@jit()
def emit(kind, planes, limits, block, n, out, row, line):
    """Write the results of one row and block of columns; a block that is cut by the row's end goes through `line`."""
    size = COLUMNS // 8 if kind == BITS else COLUMNS * (2 if kind == INT16 else 4)
    begin = block * size
    whole = begin + size <= out.shape[1]
    y = out[row].ctypes.data + begin if whole else line.ctypes.data
    if kind == BITS:
        store_bits(planes, limits[block].ctypes.data, y)
    elif kind == INT16:
        store_int16(planes, y, n)
    elif kind == INT32:
        store_int32(planes, y, n)
    else:
        store_float32(planes, y, n)
    if not whole:
        for i in range(out.shape[1] - begin):
            out[row, begin + i] = line[i]
