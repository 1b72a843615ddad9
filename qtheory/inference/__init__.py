"""Networks with +-1 weights and sign activations, run in bits: packed once, exact, and thread-safe."""

from ._sources import from_state_dict
from .convolution import PackedConv
from .files import demo, dumps, load, loads, save
from .layers import PackedLinear, PackedReal, PackedScores
from .network import PackedNetwork
from .plan import Plan

__all__ = [
    "PackedConv",
    "PackedLinear",
    "PackedNetwork",
    "PackedReal",
    "PackedScores",
    "Plan",
    "demo",
    "dumps",
    "from_state_dict",
    "load",
    "loads",
    "save",
]
