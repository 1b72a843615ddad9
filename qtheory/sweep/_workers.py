"""Where tasks are computed: in this process, in processes of this machine, on the workers of a cluster."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ._names import Settings, text

Function = Callable[[Settings], Mapping[str, Any]]
Outcome = tuple[Settings, Mapping[str, Any]]
PATIENCE = 15  # seconds to wait for a cluster


def computed(function: Function, tasks: list[Settings], jobs: int, cluster: str | None) -> Iterator[Outcome]:
    """Settings and results, as they become ready. After one that fails no other is begun, and its error is raised."""
    if cluster is not None:
        yield from _on_cluster(function, tasks, cluster)
    elif jobs == 1:
        yield from (_one(function, settings) for settings in tasks)
    else:
        yield from _in_processes(function, tasks, jobs)


def _one(function: Function, settings: Settings) -> Outcome:
    try:
        return settings, function(json.loads(text(settings)))  # a copy: what the function does to it is its own
    except Exception as error:
        error.add_note(f"in the task {text(settings)}")
        raise


def _caught(function: Function, settings: Settings) -> Outcome | Exception:
    try:
        return _one(function, settings)
    except Exception as error:
        error.add_note(traceback.format_exc())  # a traceback cannot travel
        return _portable(error)


def _portable(error: Exception) -> Exception:
    """The error, or a RuntimeError with its words and notes where it would not survive the way between processes."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        other = RuntimeError(f"{type(error).__name__}: {error}")
        other.__notes__ = error.__notes__
        return other
    return error


def _in_processes(function: Function, tasks: list[Settings], jobs: int) -> Iterator[Outcome]:
    from joblib import Parallel, delayed

    failed: list[Exception] = []

    def left() -> Iterator[Any]:
        for settings in tasks:
            if failed:
                return
            yield delayed(_caught)(function, settings)

    # One task at a time for each process: nothing that is finished waits for its neighbours to be written.
    pool = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
    for outcome in pool(left()):
        if isinstance(outcome, Exception):
            failed.append(outcome)
        else:
            yield outcome
    if failed:
        raise failed[0]


def _on_cluster(function: Function, tasks: list[Settings], cluster: str) -> Iterator[Outcome]:
    if not isinstance(cluster, str) or "://" not in cluster:
        raise ValueError(f"cluster={cluster!r}: expected the address of a Dask scheduler, such as 'tcp://host:8786'")
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        message = f"cluster={cluster!r} needs the package distributed: pip install 'qtheory[cluster]'"
        raise ImportError(message) from error
    try:
        client = Client(cluster, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(f"cluster={cluster!r}: no Dask scheduler answers there") from error
    with client:
        futures = [client.submit(_one, function, settings, pure=False) for settings in tasks]
        try:
            for future in as_completed(futures, loop=client.loop):
                yield future.result()
        finally:
            client.cancel(futures)
