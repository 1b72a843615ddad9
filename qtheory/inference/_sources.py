"""Packed networks from trained ones: our own classifier, and named arrays in the manner of PyTorch."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .layers import PackedLinear, PackedReal, PackedScores

STATISTICS = "running_mean", "running_var"


class Parts(NamedTuple):
    """The arguments of a `PackedNetwork`."""

    layers: tuple[PackedReal | PackedLinear, ...]
    last: PackedScores
    classes: Any
    name: str


def of_classifier(classifier: Any) -> Parts:
    """The parts of `PackedNetwork.from_classifier`."""
    network = getattr(classifier, "network_", None)
    if network is None:
        raise ValueError(f"classifier must be a fitted BinaryNetworkClassifier, got {classifier!r}")
    layers = network.layers
    if len(layers) < 2:
        raise ValueError("classifier must have a hidden layer, got hidden=()")
    if network.activations != "binary" or any(layer.staircase is not None for layer in layers):
        raise ValueError(f"classifier must have activations='binary', got {classifier.activations!r}")
    dense = [(layer.weight.astype(np.float64), _layer_terms(layer)) for layer in layers[:-1]]
    dense.append((layers[-1].weight, _layer_terms(layers[-1])))
    return _assembled(dense, real=True, scale=network.scale, classes=classifier.classes_, name="classifier")


def of_state_dict(
    arrays: Mapping[str, Any],
    *,
    order: Sequence[str] | None = None,
    latent: bool = False,
    signs: bool = False,
    scale: float = 1.0,
    epsilon: float = 1e-5,
    classes: Any = None,
    name: str = "network",
) -> Parts:
    """The parts of `PackedNetwork.from_state_dict`."""
    modules = _modules(arrays, order)
    dense: list[tuple[Any, dict[str, Any]]] = []
    for module, entries in modules.items():
        if any(s in entries for s in STATISTICS):
            if not dense or dense[-1][1].get("normalised"):
                raise ValueError(f"{module} must follow a linear layer, as batch normalisation")
            dense[-1] = dense[-1][0], _normalised(module, entries, dense[-1][1], epsilon)
        else:
            dense.append(_linear(module, entries))
    if len(dense) < 2:
        raise ValueError(f"arrays must hold two or more linear layers, got {len(dense)} in {list(modules)}")
    if latent:
        dense[:-1] = [(np.where(weight < 0, -1.0, 1.0), terms) for weight, terms in dense[:-1]]
    for _, terms in dense:
        terms.pop("normalised", None)
    return _assembled(dense, real=not signs, scale=scale, classes=classes, name=name)


def natural(names: Iterable[str]) -> list[str]:
    """The modules of array names, numbers in the order of numbers: files keep no other order of their arrays."""
    modules = {name.rpartition(".")[0] for name in names}
    return sorted(modules, key=lambda m: [int(p) if i % 2 else p for i, p in enumerate(re.split(r"([0-9]+)", m))])


def _modules(arrays: Mapping[str, Any], order: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    if not isinstance(arrays, Mapping):
        raise ValueError(f"arrays must be a mapping of names to arrays, got {type(arrays).__name__}")
    found: dict[str, dict[str, Any]] = {}
    for name, value in arrays.items():
        module, _, entry = str(name).rpartition(".")
        if entry != "num_batches_tracked":
            found.setdefault(module, {})[entry] = _array(str(name), value)
    if order is None:
        return found
    if sorted(order) != sorted(found):
        raise ValueError(f"order must name the modules {list(found)}, got {list(order)}")
    return {module: found[module] for module in order}


def _array(name: str, value: Any) -> Any:
    for method in ("detach", "cpu", "numpy"):  # a tensor
        value = getattr(value, method)() if hasattr(value, method) else value
    x = np.asarray(value)
    _check.array(name, x)
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float64)


def _linear(module: str, entries: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    weight = entries.get("weight")
    if weight is None or weight.ndim != 2 or not set(entries) <= {"weight", "bias"}:
        got = {entry: x.shape for entry, x in entries.items()}
        raise ValueError(f"{module} must have a weight (outputs, inputs) and maybe a bias, got {got}")
    bias = entries.get("bias", np.zeros(1)[0])
    return weight.T, {"shift": np.broadcast_to(_entry(module, "bias", bias, len(weight)), (len(weight),))}


def _normalised(module: str, entries: Mapping[str, Any], terms: Mapping[str, Any], epsilon: float) -> dict[str, Any]:
    """(z + bias - mean) gain / sqrt(variance + epsilon) + shift, as mean - bias, factor and shift."""
    units = len(terms["shift"])
    named = {"weight": 1.0, "bias": 0.0} | dict(entries)
    if set(named) != {"weight", "bias", *STATISTICS}:
        raise ValueError(f"{module} must have running_mean and running_var, maybe weight and bias, got {list(entries)}")
    gain, shift, mean, variance = (_entry(module, e, named[e], units) for e in ("weight", "bias", *STATISTICS))
    epsilon = _check.number("epsilon", epsilon, least=0)
    if not (variance + epsilon > 0).all():
        raise ValueError(f"{module}.running_var must be positive with epsilon {epsilon:g}, got {variance.min():g}")
    return {"mean": mean - terms["shift"], "factor": gain / np.sqrt(variance + epsilon), "shift": shift,
            "normalised": True}  # fmt: skip


def _entry(module: str, entry: str, value: Any, units: int) -> Any:
    x = np.asarray(value, np.float64)
    if x.shape not in ((), (units,)):
        raise ValueError(f"{module}.{entry} must have shape ({units},), got {x.shape}")
    return x


def _layer_terms(layer: Any) -> dict[str, Any]:
    """mean, factor and shift in float64, as `qtheory.networks.layers.affine` combines them."""
    from ..networks.layers import EPSILON

    wide = layer.astype(np.float64)
    if not wide.normalised:
        return {"shift": wide.shift}
    return {"mean": wide.mean, "factor": wide.gain / np.sqrt(wide.variance + EPSILON), "shift": wide.shift}


def _assembled(
    dense: Sequence[tuple[Any, dict[str, Any]]], *, real: bool, scale: float, classes: Any, name: str
) -> Parts:
    """The parts for fully connected layers: pairs of weights (inputs, outputs) and arguments of `folded`."""
    hidden: list[PackedReal | PackedLinear] = []
    for i, (weight, terms) in enumerate(dense[:-1]):
        try:
            if real and i == 0:
                hidden.append(PackedReal.folded(weight, scale=scale, **terms))
            else:
                hidden.append(PackedLinear.folded(weight, **terms))
        except ValueError as error:
            raise ValueError(f"layer {i}: {error}") from None
    return Parts(tuple(hidden), PackedScores.folded(dense[-1][0], **dense[-1][1]), classes, name)
