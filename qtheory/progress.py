"""A progress bar on the terminal, with the time left, for whatever takes longer than two seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 2.0  # seconds before a bar appears


@contextmanager
def terminal(label: str) -> Iterator[Callable[[float], None]]:
    """A function to call with the share that is done, in [0, 1]; it draws on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn(label), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("left")
    bar, begin = Progress(*columns, console=Console(stderr=True), transient=True), time.monotonic()
    task = bar.add_task(label, total=1.0)

    def update(share: float) -> None:
        bar.update(task, completed=share)
        if not bar.live.is_started and time.monotonic() - begin > PATIENCE:
            bar.start()

    try:
        yield update
    finally:
        bar.stop()
