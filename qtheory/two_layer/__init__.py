"""Two-layer networks with binary weights: data, teacher, coarse gradients, and the straight-through dynamics."""

from . import laws
from .problem import TwoLayer
from .recovery import Path, Recovery, recover

__all__ = ["Path", "Recovery", "TwoLayer", "laws", "recover"]
