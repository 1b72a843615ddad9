"""What every figure script shares: its command line, and where its picture and numbers go."""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

FIGURES = Path(__file__).resolve().parent.parent / "figures"
FAILURE = 1e-6  # of each interval in a figure


class Picture(NamedTuple):
    """A figure, the numbers in it, and the settings that made it (with the seed)."""

    figure: Any
    data: dict[str, Any]
    settings: dict[str, Any]


def main(stem: str, draw: Callable[..., Picture], *options: Callable) -> None:
    """The command line of one script; further options, made by `click.option`, are keyword arguments of `draw`."""

    @click.command(help=(sys.modules["__main__"].__doc__ or "").strip().splitlines()[0])
    @click.option("--quick", is_flag=True, help="Fewer trials and steps: seconds instead of minutes.")
    @click.option("--out", type=click.Path(path_type=Path), default=FIGURES, help="Folder.  [default: figures/]")
    def command(quick: bool, out: Path, **more: Any) -> None:
        for path in make(stem, partial(draw, **more), quick, out):
            click.echo(path)

    for option in options:
        command = option(command)
    command()


def make(stem: str, draw: Callable[[bool], Picture], quick: bool, out: Path) -> list[Path]:
    """Draw one figure and save it with its numbers."""
    from qtheory import plotting

    begin = time.perf_counter()
    with plotting.style():
        picture = draw(quick)
        paths = list(
            plotting.save(picture.figure, picture.data, stem, out, settings={**picture.settings, "quick": quick})
        )
    click.echo(f"{stem}: {time.perf_counter() - begin:.1f} s", err=True)
    return paths
