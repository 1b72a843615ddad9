"""The compiled cache holds what the core alone says, so that it can never serve stale code."""

from typing import NamedTuple

import numba
import numpy as np
import pytest

from qtheory.core import objectives, rounding, steps
from qtheory.core.compile import foreign

Q = rounding.Stochastic(*map(np.float64, (1, 1, 0, 0, 1)))


class Own(NamedTuple):
    q: rounding.Stochastic


@numba.njit
def value(data, w):
    return 0.0


@pytest.mark.parametrize(
    "spec",
    [Own(Q), steps.LatentStochastic(Own(Q), 0.0, 1.0), objectives.Custom(value, value, ())],
    ids=["a method", "a rounding", "an objective"],
)
def test_a_users_spec_is_not_cached(spec):
    assert foreign(numba.typeof(spec))


@pytest.mark.parametrize("spec", [Q, steps.OnGridStochastic(Q), np.zeros(3), 1.0, (1.0, np.zeros((2, 2)))])
def test_the_cores_specs_are_cached(spec):
    assert not foreign(numba.typeof(spec))
