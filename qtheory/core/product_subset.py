"""The product for few rows: the sum of the weights of a subset of the signs.

With s = the number of ones among the weights b_k of those k where the row has a one, T = the column's ones and m = the
row's, the disagreements number m + T - 2 s. Only the row's ones are visited, and the row is complemented first where
they are more than half: with s' for the complement they number m - T + 2 s'. The counts come out as planes, so that
the same stores follow as in `product_table`.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .bits import population
from .compile import jit, trailing_zeros
from .product_emit import COLUMNS, I32, I64, PLANES, SIZE, TERNARY, WORDS, Vectors, each
from .product_table import emit

ROWS = 16
_LEAVES, _DEPTH = 64, 6
_TOGETHER = 16  # int32 that are listed at a time


def scratch_size(width):
    """The bytes of scratch that `subset_sum` needs for rows of `width` words."""
    return PLANES * SIZE + 4 * COLUMNS + 24 * ROWS + 4 * ROWS * _list(width)


def _list(width):
    """Entries of a row's list: half its signs, filled up to a multiple of 64."""
    return 32 * width + _LEAVES


_list_in_kernel = jit()(_list)


@intrinsic
def _sum(context, weights, offsets, chunks, totals, ones, flip, planes):
    """Overwrite PLANES planes with the counts of a row: all arguments but chunks, ones and flip are addresses.

    offsets: int32, `chunks` times 64 of them, in bytes from `weights`; totals: PLANES planes of the columns' ones;
    ones: those of the row; flip: -1 where the list is of the zeros, else 0.
    """

    def build(c, builder, signature, arguments):
        weights, offsets, chunks, totals, ones, flip, planes = arguments
        v = Vectors(builder)
        counter = [cgutils.alloca_once(builder, WORDS) for _ in range(PLANES - 1)]
        for plane in counter:
            builder.store(v.splat(0), plane)
        with each(builder, chunks) as loop:
            some = builder.add(offsets, builder.mul(loop.index, I64(4 * _LEAVES)))

            def leaf(t):
                at = builder.inttoptr(builder.add(some, I64(4 * t)), I32.as_pointer())
                return v.load(builder.add(weights, builder.zext(builder.load(at), I64)))

            states = [builder.load(plane) for plane in counter]
            low, high = states[:_DEPTH], states[_DEPTH:]
            v.ripple(high, v.tree(leaf, low))
            for plane, state in zip(counter, low + high, strict=True):
                builder.store(state, plane)
        negate, borrow, carry = v.splat(flip), v.splat(-1), v.splat(flip)
        for p in range(PLANES):  # ones + (-1)^flip (totals - 2 sum), in two's complement
            double = v.splat(0) if p == 0 else builder.load(counter[p - 1])
            total, less = v.load(totals, p), v.invert(double)
            difference, borrow = v.parity(total, less, borrow), v.majority(total, less, borrow)
            bit = builder.sub(I64(0), builder.and_(builder.lshr(ones, I64(p)), I64(1)))
            term, more = builder.xor(difference, negate), v.splat(bit)
            v.store(v.parity(term, more, carry), planes, p)
            carry = v.majority(term, more, carry)
        return c.get_dummy_value()

    return types.void(*[types.intp] * 7), build


@intrinsic
def _append(context, word, base, to):
    """Write the byte offsets (base + k) SIZE of the one bits k of a word to the address `to`; how many there are.

    Up to 16 int32 beyond the last one are overwritten.
    """
    some = ir.VectorType(I32, _TOGETHER)

    def build(c, builder, signature, arguments):
        word, base, to = arguments
        v, count = Vectors(builder), I64(0)
        start = v.splat(builder.trunc(builder.mul(base, I64(SIZE)), I32), some)
        compress = ir.FunctionType(some, [some, some, ir.VectorType(ir.IntType(1), _TOGETHER)])
        function = cgutils.get_or_insert_function(
            builder.module, compress, f"llvm.x86.avx512.mask.compress.v{_TOGETHER}i32"
        )
        for first in range(0, 64, _TOGETHER):
            bits = builder.trunc(builder.lshr(word, I64(first)), ir.IntType(_TOGETHER))
            offsets = builder.add(start, ir.Constant(some, [SIZE * (first + k) for k in range(_TOGETHER)]))
            mask = builder.bitcast(bits, compress.args[2])
            kept = builder.call(function, [offsets, v.splat(0, some), mask])
            at = builder.inttoptr(builder.add(to, builder.shl(count, I64(2))), some.as_pointer())
            builder.store(kept, at, align=4)
            count = builder.add(count, builder.zext(builder.ctpop(bits), I64))
        return count

    return types.intp(types.uint64, types.intp, types.intp), build


@jit()
def _list_ones(row, flip, empty, offsets):
    """Write the byte offsets of a row's ones (zeros for flip = ~0), filled up to 64s with `empty`; how many 64s."""
    count, to = 0, offsets.ctypes.data
    for w in range(row.size):
        word, base = row[w] ^ flip, np.int64(w) * 64
        if TERNARY:
            count += _append(word, base, to + 4 * count)
        else:
            while word:
                offsets[count] = (base + np.int64(trailing_zeros(word))) * SIZE
                word &= word - np.uint64(1)
                count += 1
    chunks = (count + 63) // 64
    for i in range(count, 64 * chunks):
        offsets[i] = empty
    return chunks


@jit(nogil=True)
def subset_sum(words, lo, hi, slices, first, last, n, kind, limits, totals, out, scratch):
    """As `product_table.carry_save`, with the planes of the columns' ones, totals (blocks, PLANES, LANES), besides.

    The last vector of each block of slices is 0, for lists to be filled up with.
    """
    width, size = words.shape[1], _list_in_kernel(words.shape[1])
    planes, at = scratch.ctypes.data, PLANES * SIZE + 4 * COLUMNS
    line, numbers = scratch[PLANES * SIZE : at], scratch[at : at + 24 * ROWS].view(np.int64)
    lists = scratch[at + 24 * ROWS :].view(np.int32)
    ones, flips, chunks = numbers[:ROWS], numbers[ROWS : 2 * ROWS], numbers[2 * ROWS :]
    for top in range(lo, hi, ROWS):
        rows = min(ROWS, hi - top)
        for i in range(rows):
            total = 0
            for w in range(width):
                total += population(words[top + i, w])
            flip = total > 32 * width
            ones[i], flips[i] = total, -np.int64(flip)
            some = lists[i * size : (i + 1) * size]
            chunks[i] = _list_ones(words[top + i], np.uint64(0) - np.uint64(flip), 64 * width * SIZE, some)
        for block in range(first, last):
            weights, total = slices[block].ctypes.data, totals[block].ctypes.data
            for i in range(rows):
                offsets = lists.ctypes.data + 4 * i * size
                _sum(weights, offsets, chunks[i], total, ones[i], flips[i], planes)
                emit(kind, planes, limits, block, n, out, top + i, line)
