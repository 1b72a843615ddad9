"""Every kernel beside the products of plain integers, for drawn shapes, outputs, thresholds and memory layouts."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.core import bits, product
from qtheory.core.product_emit import COLUMNS
from qtheory.core.product_narrow import TILE, reference

from .products import KERNELS, case, draw

DTYPES = {"int32": np.int32, "int16": np.int16, "float32": np.float32}

each_kernel = pytest.mark.parametrize("kernel", KERNELS)
ROWS = st.one_of(st.integers(0, 20), st.sampled_from([64, 65, 127, 128, 129, 300]))
COLUMN_COUNTS = st.one_of(
    st.integers(0, 70), st.sampled_from([TILE - 1, TILE, TILE + 1, COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 65])
)
LENGTHS = st.one_of(
    st.integers(0, 130), st.sampled_from([255, 256, 257, 1000, 1023, 1024, 1025, 1088, 2048, 4095, 8191, 8192, 8257])
)


def signs(exact, thresholds, flips):
    """The packed signs of y - t, of -(y - t) where flipped, as `bits.pack` has it."""
    y = exact - thresholds
    return bits.pack(np.where(flips, -y, y))


@settings(max_examples=60, deadline=None)
@given(ROWS, COLUMN_COUNTS, LENGTHS, st.sampled_from(KERNELS), st.sampled_from([0, 0.03, 0.5, 1]), st.integers(0, 99))
def test_every_kernel_equals_the_integers(rows, columns, n, kernel, share, seed):
    words, weights, exact = case(rows, columns, n, seed, share)
    for out, dtype in DTYPES.items():
        y = product.multiply(words, weights, out=out, kernel=kernel)
        assert y.dtype == dtype and y.shape == (rows, columns)
        np.testing.assert_array_equal(y, exact)


@settings(max_examples=60, deadline=None)
@given(ROWS, COLUMN_COUNTS, LENGTHS, st.sampled_from(KERNELS), st.booleans(), st.integers(0, 99))
def test_bits_are_the_signs_beside_the_thresholds(rows, columns, n, kernel, flipped, seed):
    words, weights, exact = case(rows, columns, n, seed)
    rng = np.random.default_rng(seed)
    t = rng.integers(-2 - n // 16, 3 + n // 16, columns)
    if rows:
        t = np.where(rng.random(columns) < 0.3, exact[rng.integers(rows)], t)  # ties
    t = np.where(rng.random(columns) < 0.05, rng.choice([-(2**31), -n - 1, n + 1, 2**31 - 1], columns), t)
    flips = rng.random(columns) < 0.5 if flipped else np.zeros(columns, bool)
    found = product.multiply(words, weights, out="bits", thresholds=t, flips=flips, kernel=kernel)
    np.testing.assert_array_equal(found, signs(exact, t, flips))
    laid_out = product.thresholds(weights, t, flips)
    again = product.multiply(words, weights, out="bits", thresholds=laid_out, kernel=kernel)
    np.testing.assert_array_equal(again, found)


@each_kernel
def test_the_sign_of_zero_is_plus_one_either_way(kernel):
    words, weights, exact = case(3, 70, 64)
    for flips in (np.zeros(70, bool), np.ones(70, bool)):
        found = product.multiply(words[:1], weights, out="bits", thresholds=exact[0], flips=flips, kernel=kernel)
        assert not found.any()
    assert product.multiply(words[:1], weights, out="bits", thresholds=exact[0] + 1, kernel=kernel).any()


@each_kernel
def test_without_thresholds_bits_are_signs(kernel):
    words, weights, exact = case(20, 130, 100)
    np.testing.assert_array_equal(product.multiply(words, weights, out="bits", kernel=kernel), bits.pack(exact))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64, np.uint64, ">i4"])
def test_thresholds_of_any_integer_type_mean_the_same(dtype):
    words, weights, exact = case(6, 40, 300)
    kind = np.iinfo(dtype)
    t = np.resize(np.array([kind.min, 0, 5, 100, kind.max], dtype), 40)
    wide = np.clip(t.astype(object), -400, 400).astype(np.int64)
    for kernel in KERNELS:
        found = product.multiply(words, weights, out="bits", thresholds=t, kernel=kernel)
        np.testing.assert_array_equal(found, signs(exact, wide, False))


def test_callers_in_several_threads_do_not_meet():
    cases = [case(rows, columns, n) for rows, columns, n in ((200, 600, 500), (3, 1100, 900), (70, 40, 2000))]
    jobs = [(c, kernel) for c in cases for kernel in KERNELS] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda job: product.multiply(*job[0][:2], kernel=job[1]), jobs))
    for y, ((_, _, exact), _) in zip(found, jobs, strict=True):
        np.testing.assert_array_equal(y, exact)


@each_kernel
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_products_are_reached(kernel, sign):
    n = product.LONGEST
    words = bits.pack(np.ones((2, n), np.int8))
    weights = product.prepare(bits.pack(np.full((3, n), sign, np.int8)), n)
    assert (product.multiply(words, weights, kernel=kernel) == sign * n).all()
    t = np.array([sign * n, sign * n + 1, sign * n - 1])
    found = bits.unpack(product.multiply(words, weights, out="bits", thresholds=t, kernel=kernel), 3)
    assert found.tolist() == [[1, -1, 1]] * 2


def test_longer_rows_are_left_to_population_counts():
    n = product.LONGEST + 1
    words, weights, exact = case(5, 40, n)
    assert product.choose(5, 4096, n) == "narrow"
    np.testing.assert_array_equal(product.multiply(words, weights), exact)
    np.testing.assert_array_equal(product.multiply(words, weights, out="bits"), bits.pack(exact))
    for kernel in ("table", "subset"):
        with pytest.raises(ValueError, match="kernel must be narrow"):
            product.multiply(words, weights, kernel=kernel)


@pytest.mark.parametrize("n", [0, 1, 31, 63, 64, 65, 130, 1000])
def test_the_reference_is_the_product_of_the_signs(n):
    a, b = draw(7, n), draw(9, n, seed=1)
    out = np.empty((7, 9), np.int64)
    reference(bits.pack(a), bits.pack(b), n, out)
    np.testing.assert_array_equal(out, a.astype(np.int64) @ b.T.astype(np.int64))


@each_kernel
def test_one_bit_makes_a_difference_of_two(kernel):
    words, weights, exact = case(9, 600, 200)
    words[4, 2] ^= np.uint64(1)  # sign 128 of row 4
    y = product.multiply(words, weights, kernel=kernel)
    assert (np.abs(y - exact)[4] == 2).all() and (np.delete(y - exact, 4, axis=0) == 0).all()


# Memory


def layouts(words):
    """The same words in memory of other kinds."""
    frozen = words.copy()
    frozen.setflags(write=False)
    wide = np.zeros((2 * words.shape[0], 3 * words.shape[1]), np.uint64)
    wide[::2, ::3] = words
    backwards = words[::-1, ::-1].copy()[::-1, ::-1]
    odd = np.empty(words.nbytes + 1, np.uint8)[1:].view(np.uint64).reshape(words.shape)
    odd[:] = words
    return {
        "fortran": np.asfortranarray(words), "frozen": frozen, "strided": wide[::2, ::3], "backwards": backwards,
        "big-endian": words.astype(">u8"), "little-endian": words.astype("<u8"), "misaligned": odd,
    }  # fmt: skip


@each_kernel
def test_the_layout_in_memory_does_not_matter(kernel):
    a, b = bits.pack(draw(9, 300)), bits.pack(draw(530, 300, seed=1))
    expected = product.multiply(a, product.prepare(b, 300), kernel=kernel)
    for name, other in layouts(a).items():
        found = product.multiply(other, product.prepare(b, 300), kernel=kernel)
        np.testing.assert_array_equal(found, expected, err_msg=name)
    for name, other in layouts(b).items():
        found = product.multiply(a, product.prepare(other, 300), kernel=kernel)
        np.testing.assert_array_equal(found, expected, err_msg=name)


@each_kernel
@pytest.mark.parametrize("out", ["int32", "int16", "float32", "bits"])
@pytest.mark.parametrize("shape", [(300, 100), (3, 1100), (130, 530)])
def test_threads_do_not_matter(kernel, out, shape, monkeypatch):
    monkeypatch.setattr(product, "SHARE", 1)
    words, weights, _ = case(*shape, 200)
    one = product.multiply(words, weights, out=out, kernel=kernel)
    for threads in (2, 3, 8):
        assert product.multiply(words, weights, out=out, kernel=kernel, threads=threads).tobytes() == one.tobytes()


@each_kernel
@pytest.mark.parametrize("out", ["int32", "bits"])
def test_a_buffer_is_overwritten_and_nothing_else(kernel, out):
    words, weights, _ = case(5, 530, 200)
    expected = product.multiply(words, weights, out=out, kernel=kernel)
    around = np.full((7, expected.shape[1]), 77, expected.dtype)
    found = product.multiply(words, weights, out=out, kernel=kernel, buffer=around[1:6])
    assert found.base is around
    np.testing.assert_array_equal(around[1:6], expected)
    assert (around[[0, 6]] == 77).all()


def test_what_is_laid_out_stays_aligned_in_copies():
    _, weights, _ = case(1, 600, 200)
    for value in (weights, product.thresholds(weights, np.zeros(600, np.int32))):
        arrays = [pickle.loads(pickle.dumps(value)) for _ in range(8)]
        for array in (x for parts in arrays for x in parts if isinstance(x, np.ndarray)):
            assert array.ctypes.data % 64 == 0


# What is refused

BAD = {
    "words must be uint64 words, 2 a row": {"words": np.zeros((3, 1), np.uint64)},
    "words must be uint64 words": {"words": np.zeros((3, 2), np.int64)},
    "words must be a matrix": {"words": np.zeros(2, np.uint64)},
    "words must be 0 beyond bit 100": {"words": np.full((3, 2), 2**64 - 1, np.uint64)},
    "out must be one of": {"out": "int8"},
    "threads must be": {"threads": 0},
    "threads must be an integer": {"threads": True},
    "kernel must be": {"kernel": "fast"},
    "buffer must be an array of shape": {"buffer": np.zeros((3, 4), np.int32)},
    "buffer must be C-contiguous": {"buffer": np.zeros((5, 3), np.int32).T},
    "thresholds and flips must come with": {"thresholds": np.zeros(5, np.int32)},
    "thresholds must be 5 integers": {"out": "bits", "thresholds": np.zeros(5)},
    "thresholds must be of 5 columns": {"out": "bits", "thresholds": product.Thresholds(100, 4, None, None)},
    "thresholds must be of 5 columns of 100": {"out": "bits", "thresholds": product.Thresholds(99, 5, None, None)},
    "flips must be part": {"out": "bits", "thresholds": product.Thresholds(100, 5, None, None), "flips": np.zeros(5)},
    "flips must be 5 bools": {"out": "bits", "flips": np.zeros(5)},
}


@pytest.mark.parametrize(("message", "change"), BAD.items(), ids=BAD)
def test_what_is_wrong_is_named(message, change):
    weights = product.prepare(bits.pack(draw(5, 100)), 100)
    arguments = {"words": bits.pack(draw(3, 100)), **change}
    with pytest.raises(ValueError, match=message):
        product.multiply(arguments.pop("words"), weights, **arguments)


def test_what_an_output_cannot_hold_is_refused():
    words, weights, exact = case(2, 3, 2**15)
    with pytest.raises(ValueError, match="out must hold products up to 32768"):
        product.multiply(words, weights, out="int16")
    np.testing.assert_array_equal(product.multiply(words, weights, out="float32"), exact)


@pytest.mark.parametrize("n", [True, -1, 2.0])
def test_weights_of_no_length_are_refused(n):
    with pytest.raises(ValueError, match="n must be an integer"):
        product.prepare(np.zeros((2, 1), np.uint64), n)
