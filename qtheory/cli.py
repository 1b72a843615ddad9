"""The command line: qtheory list | show | verify | tightness | certify | pack | predict | bench."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from . import __version__

UNEXPECTED, UNUSABLE, INTERRUPTED = 1, 2, 130  # exit codes besides 0


class _Main(click.Group):
    """Turns a ValueError of the library into one line and exit code 2: bad input is not a crash."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ValueError as error:
            click.echo(f"qtheory: {error}", err=True)
            ctx.exit(UNUSABLE)
        except KeyboardInterrupt:
            click.echo("qtheory: interrupted before anything was complete", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Theorems about quantized training: stated, simulated, and judged against certified optima."""


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def list_(as_json: bool) -> None:
    """List all theorems."""
    from .theorems import all_theorems

    theorems = all_theorems().values()
    if as_json:
        fields = ("id", "title", "source", "kind", "statement", "expected", "rooms")
        click.echo(json.dumps([{f: getattr(t, f) for f in fields} for t in theorems], indent=1, ensure_ascii=False))
        return
    from . import report

    report.console().print(report.listing(theorems))


@main.command()
@click.argument("theorem")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), help="Results folder of `verify`.")
def show(theorem: str, out: Path) -> None:
    """Show a theorem: statement, assumptions, last verdict, and where its code, proof, test and figure are."""
    from . import report
    from .theorems import find

    for t in find(theorem):
        report.console().print(report.card(t, out))


@main.command()
@click.option("--only", multiple=True, metavar="THEOREM", help="A theorem or a paper; repeatable.  [default: all]")
@click.option("--scale", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all sampling.")
@click.option("--jobs", type=int, default=None, help="Processes.  [default: all cores]")
@click.option("--images", type=click.Path(path_type=Path), default=None, help="Folder of Fashion-MNIST's IDX files.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), help="Folder for the results.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON instead of tables.")
def verify(
    only: tuple[str, ...], scale: str, seed: int, jobs: int | None, images: Path | None, out: Path, as_json: bool
) -> None:
    """Check theorems on their families, on real data, and against their controls.

    Exit code 0: every verdict is the registered one. 1: some verdict is not. 2: unusable input.
    """
    from . import report
    from . import verify as run_module

    plan = run_module.plan(only, scale=scale, seed=seed, jobs=jobs, images=images)
    run_module.prepare(out)
    with report.progress_bar(quiet=as_json) as progress:
        run = plan.run(progress)
    if run.interrupted and not (run.evidence or run.rows):
        raise KeyboardInterrupt
    path = run_module.write(run, out)
    figures = report.draw(run, out)
    if as_json:
        click.echo(json.dumps(run.to_json(), ensure_ascii=False))
    else:
        report.print_run(run, [path, *figures])
    sys.exit(INTERRUPTED if run.interrupted else UNEXPECTED if run.unexpected() else 0)


@main.command()
@click.option("--only", multiple=True, metavar="THEOREM", help="A theorem or a paper; repeatable.  [default: all]")
@click.option("--horizons", default="2,5,10", show_default=True, metavar="T,...", help="Numbers of points w_1 .. w_T.")
@click.option("--kappa", default="0,0.1", show_default=True, metavar="K,...", help="sqrt(d) Δ, in units where D = 1.")
@click.option("--c", "c", type=float, default=1.0, show_default=True, help="Of the schedule c / sqrt(t).")
@click.option("--measure", type=click.Choice(["average point", "average value"]), default="average point", help="Of F.")
@click.option("--patience", type=float, default=300.0, show_default=True, help="Seconds that one program may take.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), help="Folder for the results.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON instead of a table.")
def tightness(
    only: tuple[str, ...], horizons: str, kappa: str, c: float, measure: str, patience: float, out: Path, as_json: bool
) -> None:
    """Compare bounds with worst cases: hardest run <= semidefinite value <= bound.

    Exit code 0: all are in order. 1: some are not, or were not solved. 2: unusable input.
    """
    from . import report
    from . import tightness as sandwich
    from .verify import prepare

    times, sizes = sandwich.numbers("horizons", horizons, int), sandwich.numbers("kappa", kappa, float)
    sandwich.plan(only, horizons=times, kappas=sizes)
    prepare(out)
    with report.progress_bar(quiet=as_json) as progress:
        rows = sandwich.tightness(
            only, horizons=times, kappas=sizes, c=c, measure=measure, patience=patience, progress=progress
        )
    path, wrong = sandwich.write(rows, out), sandwich.complaints(rows)
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], ensure_ascii=False))
    else:
        report.console().print(sandwich.table(rows), *wrong, sandwich.LEGEND, f"written: {path}", sep="\n")
    sys.exit(UNEXPECTED if wrong else 0)


@main.command()
@click.argument("theorem")
@click.option("--horizon", type=int, required=True, metavar="T", help="Number of points w_1 .. w_T.")
@click.option("--kappa", type=float, default=0.0, show_default=True, help="sqrt(d) Δ, in units where D = 1 or mu = 1.")
@click.option("--c", "c", type=float, default=1.0, show_default=True, help="Of the schedule c / sqrt(t), if any.")
@click.option("--measure", default="average point", show_default=True, help='Or "average value", "last", "best".')
@click.option("--patience", type=float, default=300.0, show_default=True, help="Seconds that the solver may take.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), help="Folder for the certificate.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def certify(
    theorem: str, horizon: int, kappa: float, c: float, measure: str, patience: float, out: Path, as_json: bool
) -> None:
    """Prove a convex theorem's exact worst case for one horizon, and write the proof.

    The value is certified in exact arithmetic; `python -m qtheory.worst_case.checker FILE` verifies the file again.

    Exit code 0: it is proved. 1: it could not be solved or certified. 2: unusable input.
    """
    from .optimum import InaccurateSolve
    from .theorems import find
    from .verify import prepare
    from .worst_case import _commands
    from .worst_case.cost import require_affordable

    claim, *others = find(theorem)
    if others:
        raise ValueError(f"theorem must be one theorem, such as {claim.id}, got {theorem!r}")
    program, bound = _commands.stated(claim, horizon, kappa=kappa, c=c, measure=measure)
    require_affordable(program, patience)
    prepare(out)
    path = out / _commands.file_name(claim.id, horizon, kappa=kappa, c=c, measure=measure)
    said = {"id": claim.id, "horizon": horizon, "kappa": kappa, "c": c, "measure": measure, "bound": bound}
    try:
        said |= _commands.certified(program, path, patience=patience, quiet=as_json)
    except InaccurateSolve as error:
        click.echo(f"qtheory: T = {horizon} could not be certified: {error}", err=True)
        sys.exit(UNEXPECTED)
    click.echo(json.dumps(said, ensure_ascii=False) if as_json else _commands.lines(said))


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=None, help="[default: MODEL.packed.safetensors]")
@click.option("--order", default=None, metavar="A,B,...", help="The modules, first to last.  [default: by name]")
@click.option("--latent", is_flag=True, help="The signs of the weights are meant, but in the last layer.")
@click.option("--signs", is_flag=True, help="The first layer takes the signs of its inputs.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Inputs are divided by it: a power of 2.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def pack(
    model: Path, out: Path | None, order: str | None, latent: bool, signs: bool, scale: float, as_json: bool
) -> None:
    """Pack a network with binary weights and sign activations.

    MODEL is a safetensors file of a PyTorch state dict: linear layers, batch normalisation.
    """
    from .inference import _commands

    chosen = None if order is None else order.split(",")
    said = _commands.pack(model, out, order=chosen, latent=latent, signs=signs, scale=scale)
    click.echo(json.dumps(said) if as_json else _commands.packed_line(said))


@main.command()
@click.argument("model")
@click.argument("images")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output, with scores.")
def predict(model: str, images: str, as_json: bool) -> None:
    """Labels of images, one a line, by a packed network.

    MODEL is a file of `qtheory pack`, or "demo", which comes with qtheory and reads digits. IMAGES is an IDX file
    (plain or gzipped), .npy or .csv (a row an image, commas between the numbers), or "digits", scikit-learn's.
    """
    from .inference import _commands

    said = _commands.predict(model, images)
    click.echo(json.dumps(said, ensure_ascii=False) if as_json else "\n".join(map(str, said["labels"])))


@main.group()
def bench() -> None:
    """Speed on this machine."""


@bench.command("inference")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder for a figure.  [default: none]")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def bench_inference(out: Path | None, as_json: bool) -> None:
    """Packed products beside NumPy's float32 products: a table, and a figure with --out."""
    from .inference import _bench

    rows = _bench.measure()
    paths = [] if out is None else _bench.draw(rows, out)
    click.echo(json.dumps(rows) if as_json else "\n".join([*_bench.lines(rows), *map(str, paths)]))
