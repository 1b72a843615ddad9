"""Networks with quantized weights, trained by the methods of `qtheory.methods`."""

from .layers import Layer, Network, softmax
from .settings import Settings
from .training import Trained, train

__all__ = ["Layer", "Network", "Settings", "Trained", "softmax", "train"]
