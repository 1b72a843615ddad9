"""From a shell to the first prediction, in fresh processes: with an empty cache, and with a full one."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

FILE, DIGITS = "a file", "scikit-learn's digits"
AT_MOST = {"cold": 4.0, "cached": 1.2}
COLD, CACHED = 3, 5  # runs


def measured() -> dict[str, dict[str, list[float]]]:
    """Seconds of each run, on the wall, which is what a user waits for, and of the processor; by start and images.

    A cold one has nothing compiled by Numba; the packages' own bytecode is there, as after an installation. The digits
    come with scikit-learn, which then has to be imported, too.
    """
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        images = str(Path(folder) / "images.npy")
        np.save(images, np.arange(640, dtype=np.uint8).reshape(10, 8, 8) % 17)
        for of, name in (FILE, images), (DIGITS, "digits"):
            found[f"cold, {of}"] = _together(_seconds(name, tempfile.mkdtemp(dir=folder)) for _ in range(COLD))
            full = tempfile.mkdtemp(dir=folder)
            _seconds(name, full)
            found[f"cached, {of}"] = _together(_seconds(name, full) for _ in range(CACHED))
    return found


def _together(runs: Iterable[tuple[float, float]]) -> dict[str, list[float]]:
    wall, processor = zip(*runs, strict=True)
    return {"wall": list(wall), "processor": list(processor)}


def _seconds(images: str, cache: str) -> tuple[float, float]:
    """On the wall, and of the processor."""
    command = [sys.executable, "-m", "qtheory", "predict", "demo", images, "--json"]
    begin, before = time.perf_counter(), os.times()
    subprocess.run(command, env=os.environ | {"XDG_CACHE_HOME": cache}, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - begin, os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return wall, used
