"""Two-layer networks with binary weights: data, coarse gradients, optima, and the straight-through dynamics."""

from . import laws, population
from .optimum import LossBound, Minimum, global_minimum, lower_bound
from .problem import TwoLayer
from .recovery import Path, Recovery, recover

__all__ = ["LossBound", "Minimum", "Path", "Recovery", "TwoLayer", "global_minimum", "laws", "lower_bound",
           "population", "recover"]  # fmt: skip
