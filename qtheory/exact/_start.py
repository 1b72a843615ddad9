"""The first state of a run without trials."""

from typing import Any

from .. import _check
from .._check import Vector
from ..methods import Method
from ..problems import Problem
from ..simulate import default_start


def first_states(problem: Problem, method: Method, start: Any) -> Vector:
    """The state x_1 (d,) of the method, from w_1 (d,); ValueError off its grid or outside the box."""
    if start is None:
        start = default_start(problem, method)
    return method.encode(_check.array("start", start, shape=(problem.dim,)), problem.box)
