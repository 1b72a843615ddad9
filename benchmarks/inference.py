"""Products of signs beside their peers, in one run on one core: python -m benchmarks.inference [--json PATH]."""

import json
from importlib import metadata
from pathlib import Path

import click

from . import _mlp, _product
from ._product import BEST, BITS, FLOAT, OURS, PACKED, C
from ._timing import Line, one_core, race
from .simulators import machine, report

PACKAGES = "faiss-cpu", "numkong", "simsimd", "bnn-lab"


def versions() -> dict[str, str]:
    """Those of the peers."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def ratios(lines: list[Line], ours: str = OURS) -> dict[str, float]:
    """Our rate over each candidate's, by medians over the rounds of the ratios; BEST is the least over packed peers."""
    rates = {line.name: line.rates for line in lines}
    found = {name: _median(rates[ours], rate) for name, rate in rates.items() if name != ours}
    packed = [found[name] for name in PACKED if name in found]
    return found | ({BEST: min(packed)} if packed else {})


def _median(ours: tuple[float, ...], its: tuple[float, ...]) -> float:
    middle = sorted(a / b for a, b in zip(ours, its, strict=True))
    return middle[len(middle) // 2]


def lengths(peers: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """GOP/s by candidate and K at 256 rows and 1024 columns."""
    found: dict[str, dict[str, float]] = {}
    for K in _product.LENGTHS:
        with one_core():
            for line in race(_product.by_length(K, peers), rounds):
                found.setdefault(line.name, {})[str(K)] = sorted(line.rates)[len(line.rates) // 2] / 1e3
    return found


def networks(peers: list[str], rounds: int) -> tuple[dict[str, dict[str, list[float]]], list[str]]:
    """Rates of a perceptron in GOP/s, by batch and candidate; and the verdicts."""
    modules = [_product.MODULES[name] for name in ("MKL", "OpenBLAS") if name in peers]
    found, verdicts = {}, []
    for batch in _mlp.BATCHES:
        with one_core():
            lines = race(_mlp.candidates(batch, modules), rounds)
        print(f"\nperceptron {_mlp.SIZES}, batch {batch}", *lines, sep="\n", flush=True)
        reached = ratios(lines, _mlp.SIGNS)
        wanted = {of: (least, reached.get(of, float("nan"))) for of, least in _mlp.TARGETS[batch].items()}
        verdicts += report(f"batch {batch} ", wanted)
        found[str(batch)] = {line.name: [rate / 1e3 for rate in line.rates] for line in lines}
    return found, verdicts


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), default=None, help="Also write all numbers here.")
def main(rounds: int, path: Path | None) -> None:
    """Time the products of signs beside their peers, all on one core."""
    found: dict = {"machine": machine() | versions(), "shapes": {}}
    peers, verdicts = _product.usable(), []
    library = _product.compiled()
    for name in (*FLOAT, *PACKED):
        if name not in peers:
            print(f"{name}: not installed")
    for shape, targets in _product.TARGETS.items():
        with one_core():
            lines = race(_product.candidates(shape, peers, library), rounds)
        reached = ratios(lines)
        name = "x".join(map(str, shape)) + " "
        print(f"\n{name}", flush=True)
        for line in lines:
            rate = sorted(line.rates)[len(line.rates) // 2] / 1e3
            print(f"  {line.name:24}{rate:9.0f} GOP/s   ours / its {reached.get(line.name, 1.0):8.2f}", flush=True)
        nan = float("nan")
        verdicts += report(name, {of: (wanted, reached.get(of, nan)) for of, wanted in targets.items()})
        of_bits = ratios(lines, BITS)
        bits = {f"{of}, bits out": (w, of_bits.get(of, nan)) for of, w in _product.BITS_TARGETS.get(shape, {}).items()}
        verdicts += report(name, bits)
        found["shapes"][name.strip()] = {line.name: [rate / 1e3 for rate in line.rates] for line in lines}
        found["shapes"][name.strip()]["ratios"] = reached
    found["perceptron"], more = networks(peers, rounds)
    verdicts += more
    found["lengths"] = lengths(peers, rounds)
    found["limits"] = _product.limits(library) if library is not None else {}
    print("", *verdicts, *(f"limit of {name}: {rate:.0f} GOP/s" for name, rate in found["limits"].items()), sep="\n")
    if library is None:
        print(f"{C}: no compiler, or a processor without its instructions")
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
