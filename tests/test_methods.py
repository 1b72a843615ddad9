"""Methods as values: what they take, where they may start, what they refuse."""

import numpy as np
import pytest

from qtheory.methods import BC, SGD, SR, R
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding

BOX = (-1.0, 1.0)


def test_numbers_stand_for_grids_and_grids_for_stochastic_quantizers():
    assert SR(0.1) == SR(Grid(0.1)) and R(0.1) == R(Grid(0.1))
    assert BC(0.1) == BC(Grid(0.1)) == BC(StochasticRounding(0.1)) != BC(NearestRounding(0.1))
    assert SR(0.1) != R(0.1)
    assert len({SR(0.1), SR(Grid(0.1)), R(0.1), BC(0.1), SGD(), SGD()}) == 4


def test_quantizers_and_names():
    assert SR(0.1).quantizer == StochasticRounding(0.1) and R(0.1).quantizer == NearestRounding(0.1)
    names = [m.name for m in (SGD(), R(0.1), SR(0.1), BC(0.1), BC(NearestRounding(0.1)))]
    assert names == ["SGD", "R", "SR", "BC stochastic", "BC nearest"]


@pytest.mark.parametrize("method", [R(Grid(0.25, 0.5)), SR(Grid(0.25, 0.5))])
def test_the_state_on_a_grid_is_its_index(method):
    w = np.array([-0.125, 0.375, 25.125])
    assert method.encode(w, None).tolist() == [-1, 1, 100]
    assert np.array_equal(method.decode(method.encode(w, None), None), w)


@pytest.mark.parametrize("method", [SGD(), BC(0.25)])
def test_the_state_of_real_weights_is_themselves(method):
    w = np.array([-0.3, 1.0])
    assert np.array_equal(method.encode(w, BOX), w) and np.array_equal(method.decode(w, BOX), w)


@pytest.mark.parametrize("kind", [R, SR])
@pytest.mark.parametrize("w", [0.1, 1.25, -7.0])
def test_a_start_off_the_grid_says_why_it_must_be_on_it(kind, w):
    with pytest.raises(ValueError, match=rf"^start must lie on the grid of {kind.name} .*w_1 on the grid.*entry {w}$"):
        kind(0.25).encode(np.array([0.5, w]), BOX)


@pytest.mark.parametrize("method", [SGD(), BC(0.25)])
def test_a_start_outside_the_box_is_refused(method):
    with pytest.raises(ValueError, match=r"^start must lie in the problem's box \[-1, 1\], got entries in \[0, 1.5\]"):
        method.encode(np.array([0.0, 1.5]), BOX)


@pytest.mark.parametrize("method", [R(0.3), SR(0.3), BC(0.3), BC(NearestRounding(0.3)), SR(Grid(0.25, 0.5))])
def test_a_box_off_the_grid_is_refused(method):
    with pytest.raises(ValueError, match=r"^box must lie on the grid of points .*, got -1.0$"):
        method.lower(np.float64, BOX)


@pytest.mark.parametrize("kind", [R, SR, BC, StochasticRounding, NearestRounding])
@pytest.mark.parametrize(
    ("grid", "message"), [(0, "greater than 0"), ("fine", "a real number"), (None, "a real number")]
)
def test_what_is_no_grid_is_refused(kind, grid, message):
    with pytest.raises(ValueError, match=f"^delta must be {message}"):
        kind(grid)


@pytest.mark.parametrize("method", [R(0.25), SR(0.25), BC(0.25), BC(NearestRounding(0.25))])
def test_the_compiled_method_is_held_to_the_smaller_box(method):
    spec = method.lower(np.float64, BOX)
    assert (spec.q.delta, spec.q.low, spec.q.high) == (0.25, -4, 4)
    if isinstance(method, BC):
        assert (spec.low, spec.high) == BOX
