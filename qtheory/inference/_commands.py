"""What `qtheory pack` and `qtheory predict` do, without printing."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import datasets
from ._sources import natural
from .convolution import PackedRealConv
from .files import demo, load, save, tensors_of
from .layers import PackedReal
from .network import PackedNetwork

GREY = 16  # digits have pixels 0 to 16


def pack(model: Path, out: Path | None, *, order: Sequence[str] | None, **options: Any) -> dict[str, Any]:
    """Pack the state dict in the file `model` into the file `out`; sizes and bytes, and where it is.

    Raises: ValueError for files that cannot be read or written, and as `qtheory.inference.from_state_dict`.
    """
    try:
        data = model.read_bytes()
        arrays = tensors_of(data)
        chosen = natural(arrays) if order is None else order
        network = PackedNetwork.from_state_dict(arrays, order=chosen, name=model.stem, **options)
        target = model.with_suffix(".packed.safetensors") if out is None else out
        if target.resolve() == model.resolve():
            raise ValueError(f"{target} must be another file than the model")
        save(network, target)
    except OSError as error:
        raise ValueError(_said(error)) from None
    return {"file": str(target), "sizes": network.sizes, "bytes": target.stat().st_size, "before": len(data)}


def packed_line(said: dict[str, Any]) -> str:
    """The same for a reader."""
    sizes = "-".join(map(str, said["sizes"]))
    return f"{said['file']}: {sizes}, {said['bytes']} bytes, {said['before'] / said['bytes']:.1f} times smaller"


def predict(model: str, images: str) -> dict[str, Any]:
    """Labels and scores of the images in a file. Raises: ValueError for files that cannot be read or do not fit."""
    try:
        network = demo() if model == "demo" else load(model)
        X = read_images(images, signs=not isinstance((*network.layers, network.last)[0], PackedReal | PackedRealConv))
    except OSError as error:
        raise ValueError(_said(error)) from None
    scores = network.scores(X)
    labels = network.labels(scores).tolist()
    return {"model": network.name, "images": len(labels), "labels": labels, "scores": scores.tolist()}


def read_images(images: str, *, signs: bool = False) -> NDArray[Any]:
    """An array (n, ...) from an IDX, .npy or .csv file, or of the digits; whole numbers from 0 to 255 as uint8.

    signs: whether the signs are meant, so that a .csv file of +1 alone is one of signs, not of bytes.
    """
    suffix = Path(images).suffix.lower()
    if images == "digits":
        x = datasets.digits().images * GREY
    elif suffix == ".npy":
        x = _npy(images)
    elif suffix == ".csv":
        x = _csv(images)
    else:
        x = datasets.read_idx(images)
    if x.dtype.kind not in "biuf" or x.ndim < 2:
        raise ValueError(f"{images} must hold rows of real numbers, got shape {x.shape}, dtype {x.dtype}")
    whole = x.size and np.isfinite(x).all() and (x >= 0).all() and (x <= 255).all() and (x == np.floor(x)).all()
    return x.astype(np.uint8) if whole and suffix != ".npy" and not (signs and suffix == ".csv") else x


def _npy(images: str) -> NDArray[Any]:
    try:  # mapped, so that a header that promises more than there is takes no memory
        return np.array(np.load(images, mmap_mode="r", allow_pickle=False))
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"{images} must be a .npy file of numbers: {_first(error)}") from None


def _csv(images: str) -> NDArray[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return np.loadtxt(images, delimiter=",", ndmin=2)
    except (ValueError, UserWarning) as error:
        raise ValueError(f"{images} must hold rows of numbers with commas between them: {_first(error)}") from None


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _said(error: OSError) -> str:
    return f"{error.filename or 'a file'}: {error.strerror or error}"
