"""Products of signs beside their peers, in one run: python -m benchmarks.inference [--only PART] [--json PATH]."""

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from . import _in_c, _product
from ._parts import AT_MOST, PARTS, Setting, Targets
from ._product import FLOAT, PACKED
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


def recorded(targets: Targets) -> dict[str, dict[str, list[float | None]]]:
    """The same for JSON, which has no NaN: None for what was not measured."""
    return {
        row: {of: [wanted, None if reached != reached else reached] for of, (wanted, reached) in judged.items()}
        for row, judged in targets.items()
    }


def same(kept: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Numbers in one file are of one machine. Raises: click.UsageError for a file of another, or of other packages."""
    other = sorted(of for of in {*kept, *now} - {"load"} if kept.get(of) != now.get(of))
    if other:
        got = ", ".join(f"{of} {kept.get(of)!r} there, {now.get(of)!r} here" for of in other)
        raise click.UsageError(f"the file's parts must be of this machine to be kept, got {got}")


@click.command()
@click.option("--only", multiple=True, type=click.Choice([*PARTS]), help="A part; may be given again.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option(
    "--json", "path", type=click.Path(path_type=Path), default=None, help="Also write all numbers here; with --only,"
    " into what the file has of other parts, on this machine.",
)  # fmt: skip
def main(only: tuple[str, ...], rounds: int, path: Path | None) -> None:
    """Time the products of signs beside their peers, all on one core unless a part says otherwise."""
    setting = Setting(_product.usable(), _in_c.compiled(), rounds)
    kept = json.loads(path.read_text(encoding="utf-8")) if only and path is not None and path.exists() else {}
    found: dict[str, Any] = {"machine": machine() | versions()}
    if kept:
        same(kept["machine"], found["machine"])
    found = kept | found
    for name in (*FLOAT, *PACKED):
        if name not in setting.peers:
            print(f"{name}: not installed")
    for kernel in _in_c.KERNELS:
        if kernel not in setting.libraries:
            print(f"{kernel} in C: no compiler, or a processor without its instructions")
    found["targets"], verdicts = dict(kept.get("targets", {})), []
    for name in dict.fromkeys(only) or PARTS:
        print(f"\n{name}", flush=True)
        found[name], targets = PARTS[name](setting)
        found["targets"][name] = recorded(targets)
        for row, judged in targets.items():
            verdicts += report(f"{row:22}", judged, at_most=name in AT_MOST)
    print("", *verdicts, sep="\n")
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
