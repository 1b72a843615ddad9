"""The simulators beside NumPy, PyTorch, JAX and qtorch, in one run: python -m benchmarks.simulators [--only TABLE]."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import click

from . import _peers
from ._tables import BEST, OURS, RACES, Race
from ._timing import Line, one_core, race, share_of

STARTS = {"cold": 7.0, "next combination": 3.0, "cached": 1.0}  # seconds, at most
START = """
import time; begin = time.process_time()
from qtheory.methods import BC, SR; from qtheory.problems import Gaussian, SeparableQuadratic
from qtheory.schedules import InverseTime; from qtheory.simulate import simulate
def run(method):
    simulate(SeparableQuadratic([1.0], 0.3, noise=Gaussian(1.0)), method, InverseTime(1.0), steps=10, trials=4)
    return time.process_time()
first = run(SR(0.1))
print(first - begin, run(BC(0.1)) - first)
"""


def starts() -> dict[str, float]:
    """Processor seconds from the first import to the first result, each in a fresh process: with an empty cache, from
    there to the first result of another method, and with a full cache."""
    with tempfile.TemporaryDirectory() as cache:
        found = [_start({**os.environ, "XDG_CACHE_HOME": cache}) for _ in range(4)]
    return dict(zip(STARTS, (*found[0], min(first for first, _ in found[1:])), strict=True))


def _start(environment: dict[str, str]) -> list[float]:
    command = [sys.executable, "-c", START]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def machine() -> dict[str, str]:
    """Where and with what a run was made."""
    processor, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        pairs = (line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        has = {key.strip(): value.strip() for key, value in pairs}
        processor = ", ".join(f"{key} {has[key]}" for key in ("model name", "cpu family", "model") if key in has)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "processor": processor, "cores": str(os.cpu_count()), "system": platform.platform(), "load": load,
        "python": platform.python_version(), **{name: _version(name) for name in ("numpy", "numba", *_peers.PACKAGES)},
    }  # fmt: skip


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def judge(lines: list[Line], targets: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Each target with what was reached (NaN where nothing was measured): the median of the ratios by round."""
    ratios = {line.name: line.ratio for line in lines[1:]}
    ratios[BEST] = min((r for name, r in ratios.items() if not name.startswith(OURS)), default=float("nan"))
    return {name: (target, ratios.get(name, float("nan"))) for name, target in targets.items()}


def measure(a: Race, rounds: int) -> tuple[list[Line], list[str], bool]:
    """The lines of a race; remarks: who could not take part, and what to beware of; whether it had its cores."""
    peers = [p for p in a.peers if _peers.usable(p)]
    remarks = [f"  {p:38}not installed" for p in a.peers if p not in peers]
    if a.cores > 1:
        candidates = a.build(peers)
        lines = race(candidates, rounds, time.perf_counter)
        share = share_of(a.cores, candidates[0])
        if share < 0.8:
            remarks.append(f"  a run got {share:.0%} of {a.cores} cores: repeat this table on an idle machine")
        return lines, remarks, share >= 0.8
    with one_core() as held:
        if not held:
            remarks.append("  this system cannot hold a process to one core: peers may have used more")
        return race(a.build(peers), rounds), remarks, True


def report(name: str, judged: dict[str, tuple[float, float]], at_most: bool = False) -> list[str]:
    """A line a target."""
    lines = []
    for of, (target, reached) in judged.items():
        passed = reached <= target if at_most else reached >= target
        verdict = "not measured" if reached != reached else "PASS" if passed else "short of"
        lines.append(f"{name:12}{of:30}{'<=' if at_most else '>='}{target:6g}{reached:9.2f}   {verdict}")
    return lines


@click.command()
@click.option("--only", multiple=True, type=click.Choice([*RACES, "starts"]), help="A table; may be given again.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), default=None, help="Also write all numbers here.")
def main(only: tuple[str, ...], rounds: int, path: Path | None) -> None:
    """Time the simulators beside their peers, all on one core unless a table says otherwise."""
    found: dict = {"machine": machine(), "tables": {}, "targets": {}}
    print(*(f"{k}: {v}" for k, v in found["machine"].items()), sep="\n")
    verdicts: list[str] = []
    for name in only or [*RACES, "starts"]:
        print(f"\n{name}", flush=True)
        if name == "starts":
            seconds = starts()
            judged = {k: (target, seconds[k]) for k, target in STARTS.items()}
            print(*(f"  {k:38}{v:9.2f} s" for k, v in seconds.items()), sep="\n", flush=True)
        else:
            lines, remarks, sound = measure(RACES[name], rounds)
            print(*lines, *remarks, sep="\n", flush=True)
            judged = judge(lines if sound else lines[:1], RACES[name].targets)
            found["tables"][name] = {line.name: {"rates": line.rates, "ratios": line.ratios} for line in lines}
        found["targets"][name] = judged
        verdicts += report(name, judged, at_most=name == "starts")
    print(f"\n{'table':12}{'against':30}{'target':>8}{'reached':>9}", *verdicts, sep="\n")
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
