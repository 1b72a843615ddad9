"""The README's table of theorems: python -m qtheory.theorems.table [--write README.md]."""

from pathlib import Path

import click

from . import all_theorems

BEGIN, END = "<!-- theorems -->", "<!-- /theorems -->"
HEADER = "id", "statement", "source", "kind", "expected verdict"


def render() -> str:
    """All theorems as a Markdown table, without a newline at its end."""
    rows = [(f"[`{t.id}`]({t.rooms['proof']})", t.title, t.source, t.kind, t.expected) for t in all_theorems().values()]
    cells = [HEADER, ("---",) * len(HEADER), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)


def insert(text: str) -> str:
    """`text` with the table between its two markers. ValueError where they are not there, once each and in order."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in head + tail:
        raise ValueError(f"text must hold {BEGIN} and then {END}, once each")
    return f"{head}{BEGIN}\n\n{render()}\n\n{END}{tail}"


@click.command()
@click.option("--write", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file to put it into.")
def main(write: Path | None) -> None:
    """Print the table of theorems, or put it between the markers of a file."""
    if write is None:
        click.echo(render())
    else:
        write.write_text(insert(write.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
