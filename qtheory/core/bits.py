"""Signs packed into words: bit 1 stands for -1, so that xor followed by a population count counts disagreements.

Entry k of a row is bit k % 64 of word k // 64; the bits beyond the row's end are 0. A value is negative or it is not:
0 and -0.0 count as +1, as sign(0) = +1 does everywhere in qtheory. The scalar product of two rows of n signs is
n - 2 (their disagreements). `pack` and `unpack` check what they get; the other functions are for compiled
code, and trust it.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compile import jit, wide

WORD = 64  # bits


@intrinsic
def population(context, x):
    """The number of one bits of a uint64, as an int32."""

    def build(c, builder, signature, arguments):
        return builder.trunc(builder.ctpop(arguments[0]), ir.IntType(32))

    return types.int32(types.uint64), build


@intrinsic
def _negative(context, x, address):
    """The word of the signs of WORD numbers, of the type of x, that follow each other from an address on."""
    real = isinstance(x, types.Float)

    def build(c, builder, signature, arguments):
        kind = ir.VectorType(c.get_value_type(x), WORD)
        size = c.get_abi_sizeof(kind.element)
        values = builder.load(builder.inttoptr(arguments[1], kind.as_pointer()), align=size)
        zero = ir.Constant(kind, [0.0 if real else 0] * WORD)
        below = builder.fcmp_ordered("<", values, zero) if real else builder.icmp_signed("<", values, zero)
        return builder.bitcast(below, ir.IntType(WORD))

    return types.uint64(x, types.intp), build


@jit(nogil=True)
def pack_into(x, words):
    """Overwrite words (R, ceil(n / 64)) uint64 with the signs of x (R, n), signed numbers; a NaN counts as +1."""
    wide()
    n, together = x.shape[1], x.strides[1] == x.itemsize
    for i in range(x.shape[0]):
        for w in range(words.shape[1]):
            word, first = np.uint64(0), WORD * w
            if together and first + WORD <= n:
                words[i, w] = _negative(x[i, first], x.ctypes.data + i * x.strides[0] + first * x.itemsize)
                continue
            for k in range(min(WORD, n - first)):
                word |= np.uint64(x[i, first + k] < 0) << np.uint64(k)
            words[i, w] = word


@jit(nogil=True)
def pack_below_into(x, thresholds, words):
    """Overwrite words (R, ceil(n / 64)) uint64 with the bits x (R, n) < thresholds (n,); a NaN counts as 0."""
    wide()
    n = x.shape[1]
    for i in range(x.shape[0]):
        for w in range(words.shape[1]):
            word, first = np.uint64(0), WORD * w
            for k in range(min(WORD, n - first)):
                word |= np.uint64(x[i, first + k] < thresholds[first + k]) << np.uint64(k)
            words[i, w] = word


@jit(nogil=True)
def unpack_into(words, x):
    """Overwrite x (R, n) int8 with the signs that words (R, ceil(n / 64)) hold."""
    wide()
    one = np.uint64(1)
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            bit = words[i, k // WORD] >> np.uint64(k % WORD) & one
            x[i, k] = np.int8(1) - np.int8(2) * np.int8(bit)


# --- for Python


def width(n):
    """The words that n signs take."""
    return -(-int(n) // WORD)


def pack(signs):
    """The words (..., ceil(n / 64)) uint64 of the signs of `signs` (..., n), signed integers or floating point.

    Raises: ValueError for a scalar, another dtype (0 and 1 of a bool or unsigned array are no signs), or a NaN.
    """
    x = np.asarray(signs)
    if x.ndim == 0 or x.dtype.kind not in "if":
        raise ValueError(f"signs must be an array of signed numbers, got shape {x.shape}, dtype {x.dtype}")
    if x.dtype.kind == "f" and np.isnan(x).any():
        raise ValueError(f"signs must have a sign each, got {int(np.isnan(x).sum())} NaN")
    if x.dtype not in (np.int8, np.float32, np.float64):
        x = -(x < 0).astype(np.int8)
    x = np.ascontiguousarray(x)
    words = np.zeros((*x.shape[:-1], width(x.shape[-1])), np.uint64)
    pack_into(x.reshape(_rows(x), x.shape[-1]), words.reshape(_rows(x), words.shape[-1]))
    return words


def of_flags(flags):
    """The words (ceil(n / 64),) uint64 whose bits are flags (n,) bool: without anything to compile."""
    padded = np.zeros(width(len(flags)) * WORD, np.bool_)
    padded[: len(flags)] = flags
    return np.packbits(padded, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def pack_below(values, thresholds):
    """The words (..., ceil(n / 64)) uint64 of the bits value < threshold, exact: the signs of value - threshold.

    values: (..., n) bool, int8, uint8, float16, float32 or float64; thresholds: one float64, or (n,).

    Raises: ValueError for other shapes or dtypes, or a NaN.
    """
    x = np.asarray(values)
    if x.ndim == 0 or x.dtype.newbyteorder("=") not in _PACKABLE:
        raise ValueError(f"values must be an array of bytes, bools or floats, got shape {x.shape}, dtype {x.dtype}")
    t = np.asarray(thresholds)
    if t.shape not in ((), x.shape[-1:]) or t.dtype.kind not in "biuf":
        raise ValueError(f"thresholds must be one or {x.shape[-1]} real numbers, got shape {t.shape}, dtype {t.dtype}")
    for name, array in ("values", x), ("thresholds", t):
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise ValueError(f"{name} must be numbers, got {int(np.isnan(array).sum())} NaN")
    x, t = _comparable(x, np.broadcast_to(t, x.shape[-1:]).astype(np.float64))
    words = np.zeros((*x.shape[:-1], width(x.shape[-1])), np.uint64)
    pack_below_into(x.reshape(_rows(x), x.shape[-1]), t, words.reshape(_rows(x), words.shape[-1]))
    return words


_PACKABLE = [np.dtype(t) for t in (np.bool_, np.int8, np.uint8, np.float16, np.float32, np.float64)]


def _comparable(x, t):
    """x, and the least t' of its kind that is not below t: then x < t and x < t' are the same."""
    if x.dtype.kind != "f":
        return np.ascontiguousarray(x, np.int16), np.clip(np.ceil(t), -(2**14), 2**14).astype(np.int16)
    if x.dtype.itemsize == 8:
        return np.ascontiguousarray(x, np.float64), t
    with np.errstate(over="ignore"):
        least = t.astype(np.float32)
    return np.ascontiguousarray(x, np.float32), np.where(least < t, np.nextafter(least, np.float32(np.inf)), least)


def unpack(words, n):
    """The signs (..., n) int8, +1 or -1, that `words` (..., ceil(n / 64)) uint64 hold.

    Raises: ValueError for words of another dtype or number, or with one bits beyond the row's end.
    """
    w = _require("words", words, n)
    x = np.empty((*w.shape[:-1], n), np.int8)
    unpack_into(w.reshape(_rows(w), w.shape[-1]), x.reshape(_rows(w), n))
    return x


def _rows(x):
    """How many rows x (..., n) has, which its size does not tell for n = 0."""
    return int(np.prod(x.shape[:-1]))


def _require(name, words, n):
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise ValueError(f"n must be an integer of at least 0, got {n!r}")
    w = np.asarray(words)
    if w.dtype != np.uint64 or w.ndim == 0 or w.shape[-1] != width(n):
        raise ValueError(f"{name} must be uint64 words, {width(n)} a row, got shape {w.shape}, dtype {w.dtype}")
    if n % WORD and (w[..., -1] >> np.uint64(n % WORD)).any():
        raise ValueError(f"{name} must be 0 beyond bit {n} of a row, got one bits there")
    return np.ascontiguousarray(w)
