"""The product y = A B' of matrices of signs, packed as in `bits`: exact, and the same for every number of threads.

`prepare` lays the weights B out once; `multiply` then picks a kernel by the shape: table-fed carry-save adders for many
rows, the subset sum for few, population counts for narrow layers, and for all on processors that count a vector's bits
in one instruction. `CUTS` says where they cross, by `benchmarks/_sweep.py`. `prepare` and `multiply` check what they
get.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from . import bits, product_narrow, product_subset, product_table
from .product_emit import COLUMNS, COUNTS, LANES, PLANES, TERNARY
from .product_layout import Thresholds, Weights, aligned, limit_planes, limit_tiles, lines, slices_into, totals
from .product_steps import STEPS
from .program import execute, program
from .workers import together

DTYPES = {"int32": np.int32, "int16": np.int16, "float32": np.float32, "bits": np.uint64}
MOST = {"int32": 2**31 - 4, "int16": 2**15 - 1, "float32": 2**24, "bits": 2**31 - 4}  # signs a row
KINDS = {"int32": 0, "int16": 1, "float32": 2, "bits": 3}  # of product_table
SHARE = 2**29  # operations of a thread, 2 M N n in all: it would take longer to start one for less
LONGEST = 2**16 - 64  # signs a row that 16 planes can count; beyond, population counts
_COLUMNS = {"table": COLUMNS, "subset": COLUMNS, "narrow": product_narrow.TILE}
_FUNCTIONS = {"table": product_table.carry_save, "subset": product_subset.subset_sum}
_SCRATCH = {"table": product_table.scratch_size, "subset": product_subset.scratch_size}


class Cuts(NamedTuple):
    """Where the kernels cross."""

    narrow: int  # up to so many columns, population counts
    few: int  # up to so many rows, the subset sum
    light: int  # but population counts where there are no more weights than that, in bits


if COUNTS:  # a vector's population count is one instruction: only a single row on weights beyond the first cache has a
    CUTS = Cuts(narrow=256, few=1, light=2**19 - 1)  # faster way, which reads but half of them
else:
    CUTS = Cuts(narrow=256, few=8, light=2**19) if TERNARY else Cuts(narrow=128, few=6, light=2**19)


def prepare(words, n):
    """Lay out the packed rows `words` (N, ceil(n / 64)) uint64 of n signs each.

    Raises: ValueError for words of another dtype or shape, or with one bits beyond the row's end.
    """
    words = _words("words", words, n)
    tile, (columns, width) = product_narrow.TILE, words.shape
    side = aligned((-(-columns // tile), width, tile), np.uint64)
    side[:] = 0
    padded = np.zeros((side.shape[0] * tile, width), np.uint64)
    padded[:columns] = words
    side[:] = padded.reshape(side.shape[0], tile, width).transpose(0, 2, 1)
    blocks = -(-columns // COLUMNS) if n <= LONGEST else 0
    slices = aligned((blocks, 64 * width + 1, LANES), np.uint64)
    slices[:] = 0
    if blocks:
        slices_into(words, slices.view(np.uint8))
    return Weights(int(n), columns, side, slices, totals(words, blocks))


def thresholds(weights, values, flips=None):
    """Lay out thresholds for `multiply(..., out="bits")`.

    values: (N,) integers t; flips: (N,) bool, where the sign of -(y - t) is meant, or None. Bit j is 1 (a sign of -1)
    where y_j < t_j, with a flip where y_j > t_j: sign(0) = +1 in both.

    Raises: ValueError for other shapes or dtypes.
    """
    n, columns = weights.n, weights.columns
    t = np.asarray(values)
    flips = np.zeros(columns, np.bool_) if flips is None else np.asarray(flips)
    if t.shape != (columns,) or t.dtype.kind not in "iu":
        raise ValueError(f"thresholds must be {columns} integers, got shape {t.shape}, dtype {t.dtype}")
    if flips.shape != (columns,) or flips.dtype != np.bool_:
        raise ValueError(f"flips must be {columns} bools, got shape {flips.shape}, dtype {flips.dtype}")
    t = np.minimum(t, t.dtype.type(min(np.iinfo(t.dtype).max, 2**62))).astype(np.int64)  # which uint64 may exceed
    limits = np.clip(t, -n - 2, n + 2) + flips  # all y are between -n and n
    counts = np.clip((n - limits) // 2 + 1, 0, n + 1)  # y < limit if and only if the disagreements are so many
    planes = limit_planes(counts, flips, weights.slices.shape[0])
    return Thresholds(n, columns, limit_tiles(limits, flips, n, product_narrow.TILE), planes)


def multiply(words, weights, *, out="int32", thresholds=None, flips=None, threads=1, buffer=None, kernel=None):
    """The scalar products (M, N) of the packed rows `words` (M, ceil(n / 64)) uint64 and the prepared weights.

    out: "int32", "int16" (for n < 2^15), "float32" (exact for n <= 2^24), or "bits": the packed signs
    (M, ceil(N / 64)) uint64 of y - thresholds, with sign(0) = +1. thresholds: `Thresholds`, or (N,) integers, which
    with `flips` they are made of; None means 0. buffer: an array to overwrite and return, of the result's shape and
    dtype, C-contiguous. kernel: "table", "subset" or "narrow" instead of the one that suits the shape.

    Raises: ValueError for words, outputs or buffers other than these, and for a kernel that cannot count so far.
    """
    words = _words("words", words, weights.n)
    if out not in DTYPES:
        raise ValueError(f"out must be one of {', '.join(DTYPES)}, got {out!r}")
    if weights.n > MOST[out]:
        raise ValueError(f"out must hold products up to {weights.n}, got {out!r}")
    if not (type(threads) is int or isinstance(threads, np.integer)) or threads < 1:
        raise ValueError(f"threads must be an integer of at least 1, got {threads!r}")
    shape = words.shape[0], weights.columns if out != "bits" else bits.width(weights.columns)
    y = _buffer(buffer, shape, DTYPES[out])
    limits = _limits(weights, thresholds, flips) if out == "bits" else _NONE
    if out != "bits" and (thresholds is not None or flips is not None):
        raise ValueError(f"thresholds and flips must come with out='bits', got out={out!r}")
    if y.size == 0:
        return y
    kernel = _kernel(kernel, words.shape[0], weights)
    run(kernel, words, weights, KINDS[out], limits, y.view(np.uint8), threads)
    return y


class Plan(NamedTuple):
    """A product with all its memory: `run()` overwrites `out` by the product of what the words are by then.

    Not for two threads at a time: a thread has a plan of its own. It cannot be copied or pickled (TypeError).
    """

    run: Callable[[], None]
    out: np.ndarray

    def __reduce__(self):
        raise TypeError("a plan holds addresses of this process and cannot be copied or pickled: make another one")


def plan(words, weights, *, out="int32", thresholds=None, flips=None, buffer=None, kernel=None):
    """A `Plan` of `multiply` with these arguments; `words` must be native, C-contiguous and writable.

    For short latency: nothing is checked or allocated by its run. The words are trusted to be 0 beyond bit n of a row.

    Raises: ValueError as `multiply`, and for words that it would have to copy.
    """
    y = multiply(words, weights, out=out, thresholds=thresholds, flips=flips, buffer=buffer, kernel=kernel)
    if not np.shares_memory(words, _words("words", words, weights.n)) and words.size:
        raise ValueError("words must be native, C-contiguous and writable, got an array that is not")
    limits = _limits(weights, thresholds, flips) if out == "bits" else _NONE
    if y.size == 0:
        return Plan(lambda: None, y)
    kernel, scratch = _kernel(kernel, words.shape[0], weights), aligned((scratch_size(weights.n),), np.uint8)
    steps = program([step(kernel, words, words.shape[0], weights, KINDS[out], limits, y.view(np.uint8), scratch)])
    run = partial(execute, steps)
    run.memory = words, weights, limits, scratch, y  # which the addresses mean: they live as long as the run
    if out == "bits" and kernel == "narrow" and weights.side.shape[0] * product_narrow.TILE % bits.WORD:
        return Plan(partial(_cleared, y[:, -1], run), y)  # tiles may end before the last word
    return Plan(run, y)


def step(kernel, words, rows, weights, kind, limits, out, scratch):
    """A step of a program that does what `run` does, by one thread; scratch: `scratch_size` bytes, aligned.

    With packed bits the kernel "narrow" leaves the words beyond its last tile as they are: they must be 0 before.
    """
    if kernel != "narrow":
        task = _arguments(kernel, words, 0, rows, weights, 0, None, kind, limits, out)
        return STEPS[kernel], (*task, scratch)
    n, columns, side = weights[:3]
    work = words.ctypes.data, words.strides[0], 0, rows, side.ctypes.data, words.shape[1], 0, side.shape[0]
    rest = n, columns, kind, limits.tiles.ctypes.data, out.ctypes.data, out.strides[0], scratch.ctypes.data
    return STEPS[kernel], work + rest


def scratch_size(n):
    """The bytes of scratch that any kernel needs for rows of n signs."""
    least = 16 * product_narrow.TILE
    return max(least, *(size(bits.width(n)) for size in _SCRATCH.values())) if n <= LONGEST else least


def _cleared(ends, run):
    ends[:] = 0
    run()


def run(kernel, words, weights, kind, limits, out, threads=1):
    """`multiply` without its checks: out (M, bytes a row) uint8 is overwritten. For callers that keep their buffers."""
    rows = words.shape[0]
    if kind == product_table.BITS and kernel == "narrow":
        out[:, -8:] = 0  # the last tile may end before the last word
    if threads > 1:
        threads = min(threads, 1 + 2 * rows * weights.columns * weights.n // SHARE)
    if threads == 1:
        _part(kernel, words, 0, rows, weights, 0, None, kind, limits, out)
        return
    parts = iter(_parts(kernel, rows, weights.columns, threads))

    def work():
        for (lo, hi), (first, last) in parts:  # whoever is free takes the next
            _part(kernel, words, lo, hi, weights, first, last, kind, limits, out)

    together(work, threads)


def choose(rows, columns, n):
    """The kernel for so many rows, columns and signs."""
    few, light = rows <= CUTS.few, columns * n <= CUTS.light
    if n > LONGEST or columns <= CUTS.narrow or (few and light) or (COUNTS and not few):
        return "narrow"
    return "subset" if few else "table"


def _part(*task):
    """Rows lo to hi and the kernel's blocks of columns first to last."""
    kernel, words = task[:2]
    args = _arguments(*task)
    if kernel == "narrow":
        product_narrow.narrow_arrays(*args)
    else:
        _FUNCTIONS[kernel](*args, _scratch(_SCRATCH[kernel](words.shape[1])))


def _arguments(kernel, words, lo, hi, weights, first, last, kind, limits, out):
    """Those of the kernel's function, but for its scratch."""
    n, columns, side, slices, totals = weights
    if kernel == "narrow":
        last = side.shape[0] if last is None else last
        return words, lo, hi, side, first, last, n, columns, kind, limits.tiles, out
    last = slices.shape[0] if last is None else last
    more = (totals,) if kernel == "subset" else ()
    return words, lo, hi, slices, first, last, n, kind, limits.planes, *more, out


def _parts(kernel, rows, columns, threads):
    """Pairs ((lo, hi), (first, last)): several a thread, by rows where they suffice, else by blocks of columns.

    A block of columns of a kernel fills whole bytes of its own, packed bits included, so that no two parts share one.
    """
    step = 64
    blocks = -(-columns // _COLUMNS[kernel])
    if rows >= 2 * step or blocks == 1:
        size = max(1, min(step if kernel != "table" else 2 * step, -(-rows // threads)))
        return [((lo, min(lo + size, rows)), (0, None)) for lo in range(0, rows, size)]
    size = max(1, blocks // (2 * threads))
    return [((0, rows), (first, min(first + size, blocks))) for first in range(0, blocks, size)]


_NONE = Thresholds(
    0, 0, np.zeros((1, product_narrow.LIMIT_BYTES), np.uint8), np.zeros((1, PLANES + 1, LANES), np.uint64)
)
_local = threading.local()
_WORDS = np.dtype(np.uint64)


def _scratch(size):
    """This thread's scratch memory, of at least `size` bytes: new pages for every product would cost more than it."""
    found = getattr(_local, "scratch", None)
    if found is None or found.size < size:
        found = _local.scratch = aligned((size,), np.uint8)
    return found


def _kernel(kernel, rows, weights):
    if kernel is None:
        return choose(rows, weights.columns, weights.n)
    if kernel not in _COLUMNS or (kernel != "narrow" and weights.n > LONGEST):
        raise ValueError(f"kernel must be narrow, or table or subset for n <= {LONGEST}, got {kernel!r}")
    return kernel


def _limits(weights, values, flips):
    if isinstance(values, Thresholds):
        if flips is not None:
            raise ValueError("flips must be part of the thresholds that are laid out, got both")
        if values[:2] != weights[:2]:
            wanted, got = (f"{columns} columns of {n} signs" for n, columns in (weights[:2], values[:2]))
            raise ValueError(f"thresholds must be of {wanted}, got {got}")
        return values
    return thresholds(weights, np.zeros(weights.columns, np.int32) if values is None else values, flips)


def _words(name, words, n):
    """Checked, native, contiguous and writable, which is the one type that the kernels are compiled for."""
    if _ready(words, n):
        return words
    w = lines(words) if isinstance(words, np.ndarray) and words.dtype.kind == "u" else words
    w = bits._require(name, w, n)
    if w.ndim != 2:
        raise ValueError(f"{name} must be a matrix of words, got shape {w.shape}")
    return w if w.flags.writeable else w.copy()


def _ready(words, n):
    """Whether `words` is so already: most are, and small products are over sooner than checks one by one."""
    if not isinstance(words, np.ndarray) or words.dtype is not _WORDS or words.ndim != 2 or not words.flags.carray:
        return False
    return n % bits.WORD == 0 and words.shape[1] == n // bits.WORD


def _buffer(buffer, shape, dtype):
    if buffer is None:
        return np.empty(shape, dtype)
    if not isinstance(buffer, np.ndarray) or buffer.shape != shape or buffer.dtype != dtype:
        got = f"{getattr(buffer, 'shape', None)}, {getattr(buffer, 'dtype', type(buffer).__name__)}"
        raise ValueError(f"buffer must be an array of shape {shape} and dtype {np.dtype(dtype)}, got {got}")
    if not (buffer.flags.c_contiguous and buffer.flags.writeable):
        raise ValueError("buffer must be C-contiguous and writable, got one that is not")
    return buffer
