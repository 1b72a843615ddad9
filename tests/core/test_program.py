"""Programs: what a step finds in its job is what the program was given, and steps run in their order."""

import numpy as np
import pytest

from qtheory.core.program import HERE, WIDTH, arguments, execute, program, step


@step
def _mixed(job):
    """All kinds in one: what it reads decides what it writes."""
    a, n, b, triple, c, rest = arguments(job, "f8:2 n i4:3 n3 u1:1 here")
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = n * (b[i, j, b.shape[2] - 1] + c[j]) + triple[0] - triple[2] + rest[HERE - 1]


@step
def _double(job):
    (x,) = arguments(job, "i8:1")
    for i in range(x.size):
        x[i] *= 2


@step
def _increase(job):
    x, by = arguments(job, "i8:1 n")
    for i in range(x.size):
        x[i] += by


@step
def _refuse(job):
    (x,) = arguments(job, "i8:1")
    if x[0] > 9:
        raise ValueError("a step refuses")


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4), (5, 2, 7)])
def test_a_step_finds_what_the_program_was_given(shape):
    rng = np.random.default_rng(0)
    a, b = np.empty(shape[:2]), rng.integers(-9, 9, shape).astype(np.int32)
    c = rng.integers(0, 9, shape[1]).astype(np.uint8)
    execute(program([(_mixed, (a, -3, b, 100, 7, 20, c, *range(HERE)))]))
    np.testing.assert_array_equal(a, -3.0 * (b[..., -1] + c) + 100 - 20 + HERE - 1)


def test_steps_run_in_their_order():
    for steps, expected in (((_double, _increase), 2 * 5 + 3), ((_increase, _double), 2 * (5 + 3)), ((), 5)):
        x = np.array([5, -5])
        table = program([(what, (x, 3) if what is _increase else (x,)) for what in steps])
        assert table.shape == (len(steps), WIDTH)
        execute(table)
        assert x[0] == expected


def test_a_program_may_run_again():
    x = np.arange(4)
    table = program([(_increase, (x, 1))] * 3)
    for _ in range(5):
        execute(table)
    np.testing.assert_array_equal(x, np.arange(4) + 15)
    table[1, 3] = 10  # a step's number may be changed
    execute(table)
    np.testing.assert_array_equal(x, np.arange(4) + 15 + 12)


def test_a_job_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="could not broadcast"):
        program([(_increase, (0,) * WIDTH)])


def test_what_a_step_raises_ends_the_program():
    x = np.array([4])
    table = program([(_double, (x,)), (_refuse, (x,)), (_increase, (x, 1))])
    execute(table)
    assert x[0] == 9
    with pytest.raises(ValueError, match="a step refuses"):
        execute(table)
    assert x[0] == 18
