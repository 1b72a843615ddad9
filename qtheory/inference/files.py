"""Packed networks in files: safetensors, format version 1.

The tensors are those of the layers, named `layers.0.words`, `layers.0.thresholds`, `layers.0.flips`, ...,
`last.words` or `last.weight`, `last.mean`, `last.factor`, `last.shift`; words are U64, packed by output: input k is bit
k % 64 of word k // 64, bit 1 stands for -1, bits beyond the last input are 0. The metadata say so, too: `format`,
`version`, `bit_order`, `sign`, and, as JSON in `network`, the kind and sizes of each layer, the labels (with
`class_type`, where they are of another type than JSON tells) and the name.
"""

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check, _files
from . import _classes
from .convolution import PackedConv, PackedRealConv
from .layers import PackedLinear, PackedReal, PackedScores
from .network import PackedNetwork

__all__ = ["demo", "dumps", "load", "loads", "save"]

VERSION = "1"
HEADER = {
    "format": "qtheory.packed_network",
    "version": VERSION,
    "bit_order": "little: input k is bit k % 64 of word k // 64",
    "sign": "bit 1 is -1, and sign(0) = +1",
}
KINDS: dict[str, Any] = {
    "linear": PackedLinear, "real": PackedReal, "convolution": PackedConv, "real_convolution": PackedRealConv,
    "scores": PackedScores,
}  # fmt: skip
ARRAYS = ("words", "weight", "thresholds", "flips", "mean", "factor", "shift")
SETTINGS = ("inputs", "scale", "image", "kernel", "stride", "padding")
TYPES = {"U64": np.uint64, "I32": np.int32, "F32": np.float32, "F64": np.float64, "BOOL": np.bool_}
MOST_LAYERS = 10_000


def save(network: PackedNetwork, path: str | os.PathLike[str]) -> None:
    """Write the network to a file; a file of that name is at every moment the old one or the new one, whole."""
    _files.replace(Path(path), dumps(network))


def load(path: str | os.PathLike[str]) -> PackedNetwork:
    """The network in a file.

    Raises: OSError where it cannot be read; ValueError where it is no such file, is truncated, of another version, or
        holds tensors whose types, shapes or values do not agree.
    """
    try:
        return loads(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def dumps(network: PackedNetwork) -> bytes:
    """The content of the network's file. Raises: ValueError for labels of a type that it cannot hold."""
    from safetensors.numpy import save as serialized

    _check.instance("network", network, PackedNetwork, "PackedNetwork.from_classifier(classifier)")
    tensors: dict[str, Any] = {}
    described: list[dict[str, Any]] = []
    names = [*(f"layers.{i}" for i in range(len(network.layers))), "last"]
    for name, layer in zip(names, (*network.layers, network.last), strict=True):
        parts = {part: getattr(layer, part) for part in layer.__match_args__}
        tensors |= {f"{name}.{part}": x for part, x in parts.items() if part in ARRAYS and x is not None}
        kind = next(k for k, c in KINDS.items() if type(layer) is c)
        described.append({"kind": kind} | {part: x for part, x in parts.items() if part in SETTINGS})
    kind, classes = _classes.described(network.classes)
    content = {"name": network.name, "classes": classes, "layers": described}
    if kind != "str" and np.array(classes).dtype != network.classes.dtype:
        content["class_type"] = kind
    return _ordered(serialized(tensors, metadata=HEADER | {"network": json.dumps(content)}))


def loads(data: bytes) -> PackedNetwork:
    """The network in a file's content. Raises: ValueError as `load`."""
    tensors, metadata = _read(data)
    for key, value in HEADER.items():
        if metadata.get(key) != value:
            raise ValueError(f"{key} must be {value!r}, got {metadata.get(key)!r}: not a file that this version reads")
    try:
        content = json.loads(metadata.get("network", ""))
    except (ValueError, RecursionError):
        raise ValueError("network must be JSON in the file's metadata, got something else") from None
    layers = content.get("layers") if isinstance(content, dict) else None
    if not isinstance(layers, list) or not 1 <= len(layers) <= MOST_LAYERS:
        raise ValueError(f"network must be an object with a list of layers, got {str(content)[:80]}")
    names = [*(f"layers.{i}" for i in range(len(layers) - 1)), "last"]
    built = [_layer(name, described, tensors) for name, described in zip(names, layers, strict=True)]
    if tensors:
        raise ValueError(f"tensors must be of the layers described, got {sorted(tensors)[:4]} besides")
    return PackedNetwork(tuple(built[:-1]), built[-1], _labels(content), str(content.get("name")))


def demo() -> PackedNetwork:
    """A small network that reads scikit-learn's digits (pixels 0 to 16), 8 x 8: `simulations/_demo.py` trained it."""
    return loads(resources.files("qtheory").joinpath("data/demo.safetensors").read_bytes())


def tensors_of(data: bytes) -> dict[str, Any]:
    """The arrays of any safetensors content. Raises: ValueError for damage, or types that NumPy does not have."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as arrays

    try:
        return dict(arrays(data))
    except SafetensorError as error:
        raise ValueError(f"the file must be whole and a safetensors file: {error}") from None
    except (KeyError, TypeError) as error:
        raise ValueError(f"the file must hold tensors of types that NumPy has, got {error}") from None


def _read(data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors and metadata; safetensors itself checks the header, the offsets and the sizes."""
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(data)
    except SafetensorError as error:
        raise ValueError(f"the file must be whole and a safetensors file: {error}") from None
    tensors = {}
    for name, entry in entries:
        if entry["dtype"] not in TYPES:
            raise ValueError(f"{name} must be of a type among {', '.join(TYPES)}, got {entry['dtype']}")
        raw: Any = np.frombuffer(entry["data"], np.uint8 if entry["dtype"] == "BOOL" else TYPES[entry["dtype"]])
        if entry["dtype"] == "BOOL" and (raw > 1).any():
            raise ValueError(f"{name} must hold booleans, bytes 0 and 1, got {int((raw > 1).sum())} others")
        tensors[name] = raw.astype(TYPES[entry["dtype"]], copy=False).reshape(entry["shape"])
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return tensors, header.get("__metadata__") or {}


def _ordered(data: bytes) -> bytes:
    """The same with metadata in one order, which safetensors leaves to chance: equal networks make equal files."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + data[end:]


def _labels(content: dict[str, Any]) -> Any:
    try:
        if "class_type" in content:
            return _classes.restored(content["class_type"], content.get("classes"))
        return np.array(content.get("classes"))
    except (ValueError, OverflowError):
        got = str(content.get("classes"))[:80]
        raise ValueError(f"classes must be a list of labels of one kind, got {got}") from None


def _layer(name: str, described: Any, tensors: dict[str, Any]) -> Any:
    """The layer of this name, whose tensors are taken away."""
    kind = described.get("kind") if isinstance(described, dict) else None
    if not isinstance(kind, str) or kind not in KINDS or (kind == "scores") != (name == "last"):
        raise ValueError(f"{name} must be a layer of a known kind, the last one scores, got {str(described)[:80]}")
    layer = KINDS[kind]
    wanted = layer.__match_args__
    settings = {part: described[part] for part in SETTINGS if part in wanted and part in described}
    settings |= {part: tensors.pop(f"{name}.{part}", None) for part in ARRAYS if part in wanted}
    missing = sorted(set(wanted) - set(settings))
    extra = sorted(set(described) - set(wanted) - {"kind"})
    if missing or extra:
        raise ValueError(f"{name} must be described by {', '.join(wanted)}: missing {missing}, unknown {extra}")
    try:
        return layer(**settings)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
