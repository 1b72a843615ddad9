"""The worst-case programs of the convex theorems, in units where G = 1, and D = 1 or mu = 1; kappa = sqrt(d) Δ."""

from dataclasses import replace
from typing import Any

from ..._check import rational
from ...schedules import InverseSqrt, InverseTime
from ...worst_case import BC, SR, Convex, Program, Smooth

L = 1  # of BinaryConnect's convex objectives
L_STRONG = 2  # of its strongly convex objectives, with mu = 1
NOISE = "within G"  # E|g_t|² <= G² bounds gradient and noise together, as the theorems do


def sr_convex(horizon: int, kappa: Any, c: Any, options: dict) -> Program:
    """SR with α_t = c/√t on convex functions, E|w_t - w*|² <= D²."""
    method = SR(kappa=kappa, noise=NOISE, adjacent=True)
    return replace(
        Program(function=Convex(G=1), method=method, schedule=InverseSqrt(c), horizon=horizon, domain="iterates"),
        **options,
    )


def bc_convex(horizon: int, kappa: Any, c: Any, options: dict) -> Program:
    """BC with any rounding and α_t = c/√t on L-smooth convex functions, E|w_t - w*|² <= D²."""
    method = BC(energy=_energy(kappa), stochastic=False, noise=NOISE)
    return replace(
        Program(function=Smooth(L=L, G=1), method=method, schedule=InverseSqrt(c), horizon=horizon, domain="iterates"),
        **options,
    )


def sr_strongly_convex(horizon: int, kappa: Any, options: dict) -> Program:
    """SR with α_t = 1/(mu (t+1)) on mu-strongly convex functions."""
    method = SR(kappa=kappa, noise=NOISE, adjacent=True)
    return replace(
        Program(function=Convex(G=1, mu=1), method=method, schedule=InverseTime(1), horizon=horizon, distance=None),
        **options,
    )


def bc_strongly_convex(horizon: int, kappa: Any, options: dict) -> Program:
    """BC with stochastic rounding and α_t = 1/(mu (t+1)) on L-smooth mu-strongly convex functions."""
    method, function = BC(energy=_energy(kappa), noise=NOISE), Smooth(L=L_STRONG, mu=1, G=1)
    return replace(
        Program(function=function, method=method, schedule=InverseTime(1), horizon=horizon, distance=None), **options
    )


def _energy(kappa: Any) -> Any:
    """d Δ²/4."""
    return rational("kappa", kappa, least=0) ** 2 / 4
