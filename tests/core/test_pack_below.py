"""Bits of comparisons with thresholds, beside Python's own comparison of floats: exact for every type that is taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.core import bits

NUMBERS = st.one_of(
    st.floats(allow_nan=False), st.integers(-300, 300).map(float), st.sampled_from([0.1, -0.1, 1e300, -1e300])
)


@given(
    st.sampled_from([np.bool_, np.int8, np.uint8, np.float16, np.float32, np.float64]),
    st.lists(st.tuples(NUMBERS, NUMBERS, st.booleans()), max_size=70),
)
def test_bits_beside_thresholds_are_exact(dtype, pairs):
    with np.errstate(over="ignore", invalid="ignore"):
        values = [np.float64(np.clip(x, 0, 1) if dtype == np.bool_ else x) for x, _, _ in pairs]
        if dtype in (np.int8, np.uint8):
            values = [np.clip(np.trunc(x), np.iinfo(dtype).min, np.iinfo(dtype).max) for x in values]
        x = np.array(values, np.float64).astype(dtype)
    t = np.array([float(v) if tie else s for v, (_, s, tie) in zip(x, pairs, strict=True)], np.float64)
    words = bits.pack_below(x[None], t)
    expected = [-1 if float(a) < float(b) else 1 for a, b in zip(x, t, strict=True)]
    assert bits.unpack(words, len(pairs))[0].tolist() == expected


@pytest.mark.parametrize("n", [1, 3, 31, 32, 33, 63, 64, 65, 127, 128, 1000, 8192, 8200])
def test_every_width_is_packed_beside_a_threshold(n):
    x = np.random.default_rng(n).standard_normal((3, n)).astype(np.float32)
    np.testing.assert_array_equal(bits.pack_below(x, 0), bits.pack(x))
    np.testing.assert_array_equal(bits.pack_below(x.astype(">f4"), 0.25), bits.pack(x - np.float32(0.25)))


@pytest.mark.parametrize(
    ("values", "thresholds", "message"),
    [
        ([[0.0, np.nan]], 0, "values must be numbers"), ([[0.0, 1.0]], np.nan, "thresholds must be numbers"),
        ([[1j]], 0, "values must be an array of bytes"), (1.0, 0, "values must be an array of bytes"),
        ([[1, 2]], 0, "values must be an array of bytes"), ([[0.0, 1.0]], [0.0], "thresholds must be one or 2"),
        ([[0.0, 1.0]], "0", "thresholds must be one or 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_packed_is_refused(values, thresholds, message):
    with pytest.raises(ValueError, match=message):
        bits.pack_below(values, thresholds)
