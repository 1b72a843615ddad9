"""What the figures of trained networks share: images, and the sweep that keeps finished runs in results/."""

import ast
import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import click
import numpy as np

from qtheory import datasets
from qtheory.sweep import Sweep, fingerprint

RESULTS = Path(__file__).resolve().parent.parent / "results"
JOBS = click.option("--jobs", type=int, default=-1, help="Processes.  [default: as many as there are cores]")
NAMES = {"digits": "Digits", "fashion-mnist": "Fashion-MNIST"}
SPLIT = 2017  # the seed that divides the digits

Case = dict[str, Any]
Run = Callable[[Case], dict[str, Any]]
Scale = TypeVar("Scale")


def scale_of(quick: bool, digits: Scale, fashion: Scale) -> Scale:
    """The digits where it must be quick, or where Fashion-MNIST is absent."""
    if quick or datasets.find_fashion_mnist():
        return digits if quick else fashion
    click.echo("Fashion-MNIST was not found: the digits instead, see qtheory.datasets.find_fashion_mnist", err=True)
    return digits


@cache
def images(dataset: str) -> tuple[np.ndarray, ...]:
    """X, y to train and X, y to test, float32: shifted and scaled by the two numbers that standardise all pixels."""
    if dataset == "digits":
        every = datasets.digits()
        order = np.random.default_rng(SPLIT).permutation(len(every.labels))
        parts = [(every.images[rows], every.labels[rows]) for rows in (order[:1200], order[1200:])]
    else:
        both = [datasets.fashion_mnist(split=split) for split in ("train", "test")]
        parts = [(part.images, part.labels) for part in both]
    mean, deviation = parts[0][0].mean(), parts[0][0].std()
    flat = [((x - mean) / deviation).reshape(len(x), -1).astype(np.float32) for x, _ in parts]
    return flat[0], parts[0][1], flat[1], parts[1][1]


def one_thread(run: Run) -> Run:
    """The run with matrix products of one thread each: no result may depend on the number of processes."""

    @wraps(run)
    def limited(case: Case) -> dict[str, Any]:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return run(case)

    return limited


def network_sweep(run: Run, code: tuple[Any, ...], constants: tuple[Any, ...], *modules: ModuleType) -> Sweep:
    """The sweep of a script's runs, each of which trains networks; it has the script's name.

    Its version is made of the library, of this module, and of parts of the script alone: a caption changes no result.

    Arguments:
        run: stands at the top level of a script that was imported by its name: other processes find it by that.
        code: the functions and classes of the script that `run` needs.
        constants: likewise.
        modules: those of the library that `run` needs besides those that train networks.
    """
    from qtheory import methods, networks, quantization_network, quantizers, surrogates

    kernels = "compile", "elementary", "network", "random", "rounding", "steps", "surrogates"
    sources = [importlib.import_module(f"qtheory.core.{name}") for name in kernels]
    sources += [networks, methods, quantizers, surrogates, quantization_network, datasets, sys.modules[__name__]]
    said = [ast.dump(ast.parse(inspect.getsource(part))) for part in (run, *code)]
    own = hashlib.sha256(json.dumps([said, constants], sort_keys=True).encode()).hexdigest()[:16]
    return Sweep(run.__module__, run, f"{fingerprint(*sources, *modules)}-{own}", RESULTS)
