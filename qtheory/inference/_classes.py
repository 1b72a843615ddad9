"""Labels of classes in files: the name of their type, and values that JSON holds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = (
    "str", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64",
)  # fmt: skip


def described(labels: NDArray[Any]) -> tuple[str, list[Any]]:
    """(type, values), of labels (n,). Raises: ValueError for a type that no file holds, such as longdouble."""
    kind = "str" if labels.dtype.kind == "U" else labels.dtype.name
    if kind not in TYPES:
        raise ValueError(f"classes must be of a type among {', '.join(TYPES)} to be in a file, got {kind}")
    return kind, labels.tolist()


def restored(kind: Any, values: Any) -> NDArray[Any]:
    """The labels; texts get the least length that holds them. Raises: ValueError where the two do not agree."""
    if kind not in TYPES:
        raise ValueError(f"the type must be one of {', '.join(TYPES)}, got {str(kind)[:40]!r}")
    try:
        with np.errstate(over="ignore"):  # what became infinite is not what was given
            labels = np.array(values, dtype=kind)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"labels must be a list of {kind}: {error}") from None
    if labels.tolist() != values:
        raise ValueError(f"labels must be a list of {kind}, got {str(values)[:80]}")
    return labels
