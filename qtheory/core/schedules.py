"""Step sizes alpha_t, t = 1, 2, ..."""

from typing import NamedTuple

import numpy as np

from .compile import verb


class InverseTime(NamedTuple):
    mu: float


class InverseSqrt(NamedTuple):
    c: float


class Constant(NamedTuple):
    alpha: float


class Table(NamedTuple):
    values: np.ndarray


@verb
def step_size(schedule, t):
    """alpha_t as a float64."""


@step_size.of(InverseTime)
def _inverse_time(schedule, t):
    return 1.0 / (schedule.mu * (t + 1.0))


@step_size.of(InverseSqrt)
def _inverse_sqrt(schedule, t):
    return schedule.c / np.sqrt(np.float64(t))


@step_size.of(Constant)
def _constant(schedule, t):
    return schedule.alpha


@step_size.of(Table)
def _table(schedule, t):
    return schedule.values[t - 1]
