"""The carry-save count, bit by bit in plain Python: exhaustively for short rows, for drawn rows beyond, and its logic.

`count` follows `qtheory.core.product_table` for one row and one column, with any depth of the tree: a block has 2^depth
pairs, number t being signs t and t + 2^depth. The kernel's depth is 5.
"""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.core.product_emit import majority, table


def adder(state, a, c):
    """As emitted: the carry by the new sum."""
    total = state ^ a ^ c
    return total, a if a == c else 1 - total


def tree(leaf, states):
    def carry(level, first):
        if level == 0:
            return leaf(first)
        a, c = carry(level - 1, first), carry(level - 1, first + (1 << level - 1))
        states[level - 1], out = adder(states[level - 1], a, c)
        return out

    return carry(len(states), 0)


def count(a, b, depth, vote=majority, parity=1):
    """The disagreements of the bits a and b, whose length is a multiple of 2^(depth + 1)."""
    pairs = 1 << depth
    states, prefix, q, blocks = [0] * depth, 0, 0, 0
    for first in range(0, len(a), 2 * pairs):
        carries = []
        for t in range(first, first + pairs):
            (e, o), (x, y) = (a[t], a[t + pairs]), (b[t], b[t + pairs])
            entry = [vote(prefix ^ i >> 2, x ^ i & 1, y ^ i >> 1 & 1) for i in range(8)]
            carries.append(entry[e + 2 * o + 4 * q])
            prefix, q = prefix ^ x ^ y, q ^ (e ^ o) & parity
        blocks += tree(carries.__getitem__, states)
    return (prefix ^ q) + sum(state << p + 1 for p, state in enumerate(states)) + (blocks << depth + 1)


def disagreements(a, b):
    return sum(x != y for x, y in zip(a, b, strict=True))


def rows(length):
    return itertools.product((0, 1), repeat=length)


@pytest.mark.parametrize(("length", "depth"), [(0, 0), (2, 0), (4, 0), (4, 1), (6, 0)])
def test_every_short_row_is_counted(length, depth):
    assert all(count(a, b, depth) == disagreements(a, b) for a in rows(length) for b in rows(length))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_every_weight_is_counted_for_some_rows_of_eight(depth):
    for a in [(0,) * 8, (1,) * 8, (0, 1) * 4, (1, 1, 0, 1, 0, 0, 0, 1)]:
        assert all(count(a, b, depth) == disagreements(a, b) for b in rows(8))


@given(st.integers(0, 9), st.data())
def test_long_rows_are_counted(blocks, data):
    a, b = (data.draw(st.integers(0, 2 ** (64 * blocks) - 1)) for _ in range(2))
    bits = [[x >> k & 1 for k in range(64 * blocks)] for x in (a, b)]
    assert count(*bits, depth=5) == (a ^ b).bit_count()


@pytest.mark.parametrize(
    "wrong", [{"vote": lambda a, b, c: a & b & c}, {"vote": lambda a, b, c: a | b | c}, {"parity": 0}]
)
def test_the_count_can_fail(wrong):
    assert any(count(a, b, 1, **wrong) != disagreements(a, b) for a in rows(4) for b in rows(4))


# Why it is right: twice the majority and the parity, and the parity of a running sum


def test_a_sum_of_three_bits_is_twice_their_majority_and_their_parity():
    for a, b, c in rows(3):
        assert a + b + c == 2 * majority(a, b, c) + (a ^ b ^ c)
        assert adder(a, b, c) == (a ^ b ^ c, majority(a, b, c))


def test_the_parity_of_disagreements_splits_into_the_rows_and_the_weights():
    for a in rows(5):
        for b in rows(5):
            assert disagreements(a, b) % 2 == (sum(a) ^ sum(b)) % 2


@pytest.mark.parametrize("flips", list(rows(3)))
def test_the_immediates_are_truth_tables(flips):
    p, q, r = flips
    found = table(lambda a, b, c: majority(a ^ p, b ^ q, c ^ r))
    for a, b, c in rows(3):
        assert found >> (4 * a + 2 * b + c) & 1 == ((a ^ p) + (b ^ q) + (c ^ r) >= 2)
    assert 0 <= found < 256


def test_a_borrow_tells_whether_one_number_is_below_another():
    """What the thresholds use: with b' = majority(not c, u, b) over the bits, lowest first, b ends as c < u."""
    for c, u in itertools.product(range(16), repeat=2):
        borrow = 0
        for p in range(4):
            borrow = majority(1 ^ c >> p & 1, u >> p & 1, borrow)
        assert borrow == (c < u)


@given(st.integers(1, 80), st.data())
def test_the_sum_of_a_subset_gives_the_disagreements(length, data):
    """What few rows use: m + T - 2 s, or m - T + 2 s' with the sum over the complement."""
    a, b = (data.draw(st.integers(0, 2**length - 1)) for _ in range(2))
    ones, total = a.bit_count(), b.bit_count()
    outside = ~a & 2**length - 1
    assert (a ^ b).bit_count() == ones + total - 2 * (a & b).bit_count()
    assert (a ^ b).bit_count() == ones - total + 2 * (outside & b).bit_count()
