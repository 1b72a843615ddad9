"""Networks with +-1 weights and sign activations, run in bits: packed once, exact, and thread-safe."""

from .convolution import PackedConv, PackedRealConv
from .files import demo, dumps, load, loads, save
from .layers import PackedLinear, PackedReal, PackedScores
from .network import PackedNetwork
from .plan import Plan

from_state_dict = PackedNetwork.from_state_dict

__all__ = [
    "PackedConv",
    "PackedLinear",
    "PackedNetwork",
    "PackedReal",
    "PackedRealConv",
    "PackedScores",
    "Plan",
    "demo",
    "dumps",
    "from_state_dict",
    "load",
    "loads",
    "save",
]
