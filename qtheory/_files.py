"""Results on disk: plain JSON, and files that are at every moment the old one or the new one, whole."""

import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def plain(value: Any, where: str, *, strict: bool = True) -> Any:
    """`value` in JSON's own types; `where` is its path, for the error.

    NaN and the infinities, which JSON lacks, are an error if `strict`, else null. Raises: ValueError for what has no
    place in JSON.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return plain({"type": type(value).__name__} | fields, where, strict=strict)
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}/{key}", strict=strict) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), where, strict=strict)
    if isinstance(value, list | tuple | range):
        return [plain(item, f"{where}/{i}", strict=strict) for i, item in enumerate(value)]
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, float) and not strict:
        return None
    raise ValueError(f"{where} is {value!r}: expected text, finite numbers, arrays, lists, mappings or dataclasses")


def replace(path: Path, content: bytes) -> None:
    """Write a file so that at every moment it is the old one or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
