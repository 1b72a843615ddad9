"""Names and seeds that depend on content alone: of settings, of functions, of source files."""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .._files import plain

Settings = dict[str, Any]


def derived_seed(settings: Mapping[str, Any], *more: str | int) -> int:
    """A seed in [0, 2^63) that depends on the settings, and on what else is given, and on nothing else.

    Settings that differ give seeds that differ but for a collision of 63-bit hashes. Raises: ValueError for settings
    that JSON cannot hold.
    """
    return int(digest([settings_of(settings), *more])[:16], 16) >> 1


@cache
def fingerprint(*modules: ModuleType) -> str:
    """A version made of the source of modules, and of all files of those that are packages, as they now are.

    Comments, docstrings and layout do not count. It is made once in a process, whose code later changes do not reach.
    The minor version of Python counts, whose notation (`ast.dump`) is hashed: what 3.12 made, 3.13 makes again.
    Raises: ValueError for a module without a source file.
    """
    whole = hashlib.sha256()
    for module in modules:
        if (file := getattr(module, "__file__", None)) is None:
            raise ValueError(f"modules hold {module.__name__}: expected modules with a source file")
        own = Path(file)
        paths = sorted(own.parent.rglob("*.py")) if own.name == "__init__.py" else [own]
        for path in paths:
            whole.update(hashlib.sha256(_code(path).encode()).digest())
    return whole.hexdigest()[:16]


def _code(path: Path) -> str:
    """What a source file says to Python, without docstrings."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [b for b in body if not (isinstance(b, ast.Expr) and isinstance(b.value, ast.Constant))]
            node.body = kept  # type: ignore[attr-defined]
    return ast.dump(tree)


def identity(function: Callable[..., Any]) -> str:
    """module:name of a function at the top level of a module; a script's module is the name of its file."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<unnamed>")
    if not callable(function) or module is None or "<" in name:
        raise ValueError(f"function={function!r}: expected a function at the top level of a module")
    if module == "__main__":  # the same function, whether its script is run or imported
        module = Path(getattr(sys.modules["__main__"], "__file__", None) or "__main__").stem
    return f"{module}:{name}"


def settings_of(task: Mapping[str, Any]) -> Settings:
    """Settings in JSON's own types, as they come back from a file."""
    if not isinstance(task, Mapping) or not all(isinstance(key, str) for key in task):
        raise ValueError(f"task={task!r}: expected a mapping from names to plain values")
    return dict(json.loads(text(plain(task, "task"))))


def text(value: Any) -> str:
    """One text for one value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    return hashlib.sha256(text(value).encode()).hexdigest()
