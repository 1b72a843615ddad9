"""Draw all figures, or those that are named: python -m simulations [--only NAME] [--quick] [--out FOLDER]."""

import difflib
import importlib
import pkgutil
import sys
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # as if a script itself had been run

from _figure import FIGURES, make  # noqa: E402


def names() -> list[str]:
    """Every figure that has a script here."""
    return [m.name for m in pkgutil.iter_modules([str(HERE)]) if not m.name.startswith("_")]


@click.command()
@click.option("--only", multiple=True, metavar="FIGURE", help="A figure; may be given again.  [default: all]")
@click.option("--quick", is_flag=True, help="Fewer trials and steps: seconds instead of minutes.")
@click.option("--out", type=click.Path(path_type=Path), default=FIGURES, help="Folder.  [default: figures/]")
def main(only: tuple[str, ...], quick: bool, out: Path) -> None:
    """Draw the figures of the package, each with its numbers in a JSON file beside it."""
    every = names()
    for name in only:
        if name not in every:
            near = difflib.get_close_matches(name, every, n=2, cutoff=0.3)
            message = f"no figure is called {name!r}; there are {', '.join(near or every)}"
            raise click.BadParameter(message, param_hint="--only")
    with click.progressbar(only or every, label="figures", file=sys.stderr) as todo:
        for name in todo:
            try:
                paths = make(name, importlib.import_module(name).draw, quick, out)
            except FileNotFoundError as missing:
                click.echo(f"skipped {name}: {missing}", err=True)
                continue
            click.echo("\n".join(map(str, paths)))


if __name__ == "__main__":
    main()
