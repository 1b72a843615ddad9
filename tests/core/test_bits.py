"""Packed signs beside plain NumPy: the layout, the sign of zero, products, and what is refused."""

import numpy as np
import pytest

from qtheory.core import bits

LENGTHS = 0, 1, 63, 64, 65, 127, 128, 129, 1000

each_length = pytest.mark.parametrize("n", LENGTHS)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), shape)


def by_hand(row):
    """The words of a row as Python's integers."""
    number = sum(1 << k for k, x in enumerate(row) if x < 0)
    return [number >> 64 * w & 2**64 - 1 for w in range(-(-len(row) // 64))]


@each_length
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float16, np.float32, np.float64])
def test_words_are_those_of_the_definition(n, dtype):
    x = draw(3, n).astype(dtype)
    words = bits.pack(x)
    assert words.dtype == np.uint64 and words.shape == (3, -(-n // 64))
    assert words.tolist() == [by_hand(row) for row in x.tolist()]


@each_length
@pytest.mark.parametrize("leading", [(), (0,), (4,), (2, 3)])
def test_unpack_inverts_pack(n, leading):
    x = draw(*leading, n)
    back = bits.unpack(bits.pack(x), n)
    assert back.dtype == np.int8
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_count_as_plus_one_and_the_size_does_not_matter(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, tiny, -tiny, np.inf, -np.inf, 3.0, -3.0], dtype)
    assert bits.unpack(bits.pack(x), 8).tolist() == [1, 1, 1, -1, 1, -1, 1, -1]


def test_a_transposed_and_a_read_only_array_are_packed_as_they_read():
    x = np.asfortranarray(draw(5, 70))
    x.setflags(write=False)
    np.testing.assert_array_equal(bits.pack(x), bits.pack(x.copy(order="C")))
    np.testing.assert_array_equal(bits.pack(x.T), bits.pack(x.T.copy()))


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint64])
def test_the_length_may_be_any_integer(kind):
    x = draw(3, 70)
    np.testing.assert_array_equal(bits.unpack(bits.pack(x), kind(70)), x)


@pytest.mark.parametrize(
    ("signs", "match"),
    [
        (np.array([1.0, np.nan]), "signs must have a sign each, got 1 NaN"),
        (np.array([True, False]), "signs must be an array of signed numbers, got shape .* bool"),
        (np.array([0, 1], np.uint8), "dtype uint8"),
        (np.array([1j]), "dtype complex"),
        (np.float64(1.0), r"shape \(\)"),
    ],
)
def test_what_has_no_sign_is_refused(signs, match):
    with pytest.raises(ValueError, match=match):
        bits.pack(signs)


@pytest.mark.parametrize(
    ("words", "n", "match"),
    [
        (np.zeros((2, 1), np.uint64), 65, "words must be uint64 words, 2 a row"),
        (np.zeros((2, 1), np.int64), 64, "dtype int64"),
        (np.zeros((), np.uint64), 64, r"shape \(\)"),
        (np.full((2, 1), 8, np.uint64), 3, "words must be 0 beyond bit 3"),
        (np.zeros((2, 0), np.uint64), -1, "n must be an integer of at least 0"),
        (np.zeros((2, 1), np.uint64), 3.0, "n must be an integer"),
    ],
)
def test_words_that_are_no_signs_are_refused(words, n, match):
    with pytest.raises(ValueError, match=match):
        bits.unpack(words, n)


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 200])
def test_flags_are_the_bits_of_the_negative_signs(n):
    flags = np.random.default_rng(n).integers(0, 2, n).astype(bool)
    assert bits.of_flags(flags).dtype == np.uint64
    assert np.array_equal(bits.of_flags(flags), bits.pack(-flags.astype(np.int8)))
