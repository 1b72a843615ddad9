"""The product for narrow layers and short rows: population counts, a tile of four rows at a time; and the reference.

LLVM turns the population count of a vector into vpopcntq, or into a table of nibbles where that is missing.
"""

import itertools

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .bits import population
from .compile import jit
from .product_emit import I8, I16, I32, I64, LANES, SIZE, WORDS, Vectors, each
from .product_table import BITS, FLOAT32, INT16, INT32

TILE_ROWS, TILE_VECTORS = 4, 4
TILE = TILE_VECTORS * LANES  # columns
LIMIT_BYTES = 4 * TILE + TILE // 8  # a tile's limits, int32, and flips, bits
_PAIR = 2 * LANES  # columns of two vectors
_NARROW = ir.VectorType(I32, _PAIR)
_CHUNK, _SMALL = 64, 2**18  # rows at a time for which a tile is kept; but weights of few bytes are all kept instead


def _tile(rows):
    @intrinsic
    def tile(context, a, a_stride, b, width, n, kind, limits, y, y_stride):
        """Write the products of `rows` rows of words at a and TILE columns at b to y, in the form `kind`.

        All are addresses but width, n, kind and the strides, in bytes; limits: TILE int32 for the columns, then
        TILE / 8 bytes of flips, used for bits.
        """

        def build(c, builder, signature, arguments):
            a, a_stride, b, width, n, kind, limits, y, y_stride = arguments
            v = Vectors(builder)
            totals = [[cgutils.alloca_once(builder, WORDS) for _ in range(TILE_VECTORS)] for _ in range(rows)]
            starts = [builder.add(a, builder.mul(a_stride, I64(r))) for r in range(rows)]
            _count(v, totals, starts, b, width)
            length = v.splat(builder.trunc(n, I32), _NARROW)
            values = [[_value(v, pair, length) for pair in zip(row[::2], row[1::2], strict=True)] for row in totals]
            for form, put in _FORMS.items():
                with builder.if_then(builder.icmp_unsigned("==", kind, I64(form))):
                    for r, row in enumerate(values):
                        put(v, row, builder.add(y, builder.mul(y_stride, I64(r))), limits)
            return c.get_dummy_value()

        return types.void(*[types.intp] * 9), build

    return tile


def _count(v, totals, starts, b, width):
    """Count the disagreements of rows of words at `starts` with TILE columns at b, in `totals`."""
    builder = v.b
    kind = ir.FunctionType(WORDS, [WORDS])
    population = cgutils.get_or_insert_function(builder.module, kind, f"llvm.ctpop.v{LANES}i64")
    for total in itertools.chain(*totals):
        builder.store(v.splat(0), total)
    with each(builder, width) as loop:
        column = builder.add(b, builder.mul(loop.index, I64(TILE_VECTORS * SIZE)))
        weights = [v.load(column, i) for i in range(TILE_VECTORS)]
        for row, start in zip(totals, starts, strict=True):
            at = builder.add(start, builder.shl(loop.index, I64(3)))
            word = v.splat(builder.load(builder.inttoptr(at, I64.as_pointer())))
            for total, weight in zip(row, weights, strict=True):
                count = builder.call(population, [builder.xor(word, weight)])
                builder.store(builder.add(builder.load(total), count), total)


def _value(v, pair, length):
    """n - 2 count, int32, of the columns of two vectors of counts: of their halves, the low ones."""
    both = (v.b.bitcast(v.b.load(total), _NARROW) for total in pair)
    low = ir.Constant(ir.VectorType(I32, _PAIR), list(range(0, 2 * _PAIR, 2)))
    count = v.b.shuffle_vector(*both, low)
    return v.b.sub(length, v.b.add(count, count))


def _put(convert, size):
    def put(v, values, y, limits):
        for i, value in enumerate(values):
            value = convert(v.b, value)
            at = v.b.inttoptr(v.b.add(y, I64(size * _PAIR * i)), value.type.as_pointer())
            v.b.store(value, at, align=size)

    return put


def _put_bits(v, values, y, limits):
    whole = ir.IntType(TILE)
    bits = v.b.load(v.b.inttoptr(v.b.add(limits, I64(4 * TILE)), whole.as_pointer()), align=1)
    for i, value in enumerate(values):
        at = v.b.inttoptr(v.b.add(limits, I64(4 * _PAIR * i)), _NARROW.as_pointer())
        below = v.b.icmp_signed("<", value, v.b.load(at, align=4))
        some = v.b.zext(v.b.bitcast(below, ir.IntType(_PAIR)), whole)
        bits = v.b.xor(bits, v.b.shl(some, whole(_PAIR * i)))
    v.b.store(bits, v.b.inttoptr(y, whole.as_pointer()), align=1)


_FORMS = {
    INT32: _put(lambda b, x: x, 4),
    INT16: _put(lambda b, x: b.trunc(x, ir.VectorType(I16, _PAIR)), 2),
    FLOAT32: _put(lambda b, x: b.sitofp(x, ir.VectorType(ir.FloatType(), _PAIR)), 4),
    BITS: _put_bits,
}
_tile_of_four, _tile_of_one = _tile(TILE_ROWS), _tile(1)


@intrinsic
def _copy(context, source, to, size):
    """Copy `size` bytes."""

    def build(c, builder, signature, arguments):
        source, to, size = arguments
        with each(builder, size) as loop:
            byte = builder.load(builder.inttoptr(builder.add(source, loop.index), I8.as_pointer()))
            builder.store(byte, builder.inttoptr(builder.add(to, loop.index), I8.as_pointer()))
        return c.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), build


@jit(nogil=True)
def narrow(job):
    """Do a job (16,) int64: rows lo to hi, and tiles first to last of the columns.

    The addresses of words, its bytes a row, lo, hi; side (tiles, W, TILE) uint64, aligned, W, first, last; n, columns,
    kind, limits (tiles, LIMIT_BYTES) uint8; out, its bytes a row; a line of scratch of 16 TILE bytes; unused.
    """
    words, stride, lo, hi = job[0], job[1], job[2], job[3]
    side, width, first, last = job[4], job[5], job[6], job[7]
    n, columns, kind, limits = job[8], job[9], job[10], job[11]
    out, out_stride, line = job[12], job[13], job[14]
    size = TILE // 8 if kind == BITS else (TILE * 2 if kind == INT16 else TILE * 4)  # bytes that a tile's row takes
    chunk = TILE_ROWS if 8 * TILE * width * last <= _SMALL else _CHUNK  # rows written from end to end are faster
    for top in range(lo, hi, chunk):
        end = min(top + chunk, hi)
        for tile in range(first, last):
            whole = kind == BITS or (tile + 1) * TILE <= columns
            weights, some = side + tile * width * TILE * 8, limits + (tile * LIMIT_BYTES if kind == BITS else 0)
            row = top
            while row < end:
                rows = TILE_ROWS if end - row >= TILE_ROWS else 1
                y = out + row * out_stride + tile * size
                to, step = (y, out_stride) if whole else (line, size)
                if rows == TILE_ROWS:
                    _tile_of_four(words + row * stride, stride, weights, width, n, kind, some, to, step)
                else:
                    _tile_of_one(words + row * stride, stride, weights, width, n, kind, some, to, step)
                if not whole:
                    for r in range(rows):
                        _copy(line + r * size, y + r * out_stride, size // TILE * (columns - tile * TILE))
                row += rows


@jit(nogil=True)
def narrow_arrays(words, lo, hi, side, first, last, n, columns, kind, limits, out):
    """The same from arrays: words (M, W) uint64, limits (tiles, LIMIT_BYTES) uint8, out (M, bytes a row) uint8."""
    job, line = np.empty(16, np.int64), np.empty(16 * TILE, np.uint8)
    job[0], job[1], job[2], job[3] = words.ctypes.data, 8 * words.shape[1], lo, hi
    job[4], job[5], job[6], job[7] = side.ctypes.data, words.shape[1], first, last
    job[8], job[9], job[10], job[11] = n, columns, kind, limits.ctypes.data
    job[12], job[13], job[14] = out.ctypes.data, out.shape[1], line.ctypes.data
    narrow(job)
    job[15] = line[0]  # so that it lives until here


@jit(nogil=True)
def reference(a, b, n, out):
    """Overwrite out (M, N) int64 with the products of packed rows, word by word: what every kernel must equal."""
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            total = np.int64(0)
            for w in range(a.shape[1]):
                total += population(a[i, w] ^ b[j, w])
            out[i, j] = n - 2 * total
