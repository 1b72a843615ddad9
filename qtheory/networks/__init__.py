"""Networks with quantized weights and activations, trained by the methods of `qtheory.methods`, or as soft sums."""

from .layers import Layer, Network, softmax
from .settings import Settings
from .sigmoids import Sigmoids
from .staircase import QuantizedActivation, Staircase
from .training import Trained, train

__all__ = [
    "Layer",
    "Network",
    "QuantizedActivation",
    "Settings",
    "Sigmoids",
    "Staircase",
    "Trained",
    "softmax",
    "train",
]
