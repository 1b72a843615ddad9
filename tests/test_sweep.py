"""Sweeps: what is kept, what is trusted, what a kill costs, and that nothing depends on where the tasks ran."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.sweep import Sweep, derived_seed, fingerprint, identity

ROOT = Path(__file__).parent.parent
CALLS = []  # of `square`, in this process


def square(settings):
    CALLS.append(settings)
    return {"square": settings["x"] ** 2, "draw": derived_seed(settings) / 3}


def tasks(n=6):
    return [{"x": x / 7, "seed": 3} for x in range(n)]


def sweep_in(folder, **more):
    return Sweep(**{"name": "squares", "function": square, "version": "1", "folder": folder} | more)


def files_of(folder):
    return sorted(Path(folder).rglob("*.json"))


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


# What is computed and what is found


def test_results_are_those_of_the_function_in_the_order_of_the_tasks(tmp_path):
    found = sweep_in(tmp_path).run(tasks())
    assert found == [square(task) for task in tasks()]


def test_nothing_is_computed_twice(tmp_path):
    first = sweep_in(tmp_path).run([*tasks(4), *tasks(2)])
    assert len(CALLS) == 4
    assert sweep_in(tmp_path).run(tasks(6)[::-1])[2:] == first[:4][::-1]
    assert len(CALLS) == 6


def test_the_order_of_keys_and_tuples_make_no_other_task(tmp_path):
    own = sweep_in(tmp_path)
    own.run([{"x": 1, "y": (1, 2)}])
    assert own.load({"y": [1, 2], "x": 1}) is not None
    assert own.load({"y": [1, 2], "x": 1.0}) is None  # JSON tells 1 from 1.0


@pytest.mark.parametrize("change", [{"version": "2"}, {"function": identity}, {"name": "other"}])
def test_another_version_function_or_name_finds_nothing(tmp_path, change):
    sweep_in(tmp_path).run(tasks(1))
    assert sweep_in(tmp_path).load(tasks(1)[0]) is not None
    assert sweep_in(tmp_path, **change).load(tasks(1)[0]) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[: len(b) // 2],
        lambda b: b.replace(b'"square":', b'"square":1'),
        lambda b: b.replace(b'"version":"1"', b'"version":"0"'),
        lambda b: b.replace(b'"seed":3', b'"seed":4'),
        lambda b: b"[1]",
        lambda b: b"\xff\xfe",
        lambda b: b.replace(b'"square":', b'"square":NaN,"other":'),
        lambda b: b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_not_trusted(tmp_path, damage):
    own, [task] = sweep_in(tmp_path), tasks(1)
    [right] = own.run([task])
    [path] = files_of(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    assert own.load(task) is None
    assert own.run([task]) == [right] and path.read_bytes() == whole


def test_a_file_moved_to_another_task_is_not_trusted(tmp_path):
    own, (one, two) = sweep_in(tmp_path), tasks(2)
    own.run([one])
    own.path(one).rename(own.path(two))
    assert own.load(two) is None


@given(st.permutations(range(5)))
def test_files_do_not_depend_on_the_order_of_the_tasks(tmp_path_factory, order):
    one, two = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    sweep_in(one).run(tasks(5))
    sweep_in(two).run([tasks(5)[i] for i in order])
    assert [(p.name, p.read_bytes()) for p in files_of(one)] == [(p.name, p.read_bytes()) for p in files_of(two)]


def test_the_assembled_file_holds_every_task(tmp_path):
    own = sweep_in(tmp_path)
    own.run(tasks())
    path = own.assemble(tasks())
    record = json.loads(path.read_text(encoding="utf-8"))
    assert path == tmp_path / "squares.json"
    assert record["version"] == "1"
    assert [row["settings"] for row in record["tasks"]] == tasks()
    assert [row["result"] for row in record["tasks"]] == own.results(tasks())


# Seeds and versions


def test_seeds_depend_on_the_settings_alone():
    grid = [{"n": n, "seed": s} for n in range(20) for s in range(20)]
    seeds = [derived_seed(task) for task in grid]
    assert len(set(seeds)) == len(grid) and all(0 <= s < 2**63 for s in seeds)
    assert seeds[7] == derived_seed(dict(reversed(grid[7].items())))
    assert derived_seed(grid[0], "start") != derived_seed(grid[0]) != derived_seed(grid[0], 1)


def module_of(folder, text):
    path = folder / f"made_{len(list(folder.iterdir()))}.py"
    path.write_text(text, encoding="utf-8")
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    return module


def test_a_fingerprint_is_of_the_code_and_not_of_its_words(tmp_path):
    text = '"""Words."""\n\ndef f(x):\n    """More."""\n    return x + 1\n'
    first = fingerprint(module_of(tmp_path, text))
    assert (
        fingerprint(module_of(tmp_path, text.replace("Words", "Others").replace("return", "# so\n    return"))) == first
    )
    assert fingerprint(module_of(tmp_path, text.replace("x + 1", "x + 2"))) != first
    assert fingerprint(module_of(tmp_path, text), module_of(tmp_path, text)) != first


def test_a_fingerprint_holds_all_files_of_a_package(tmp_path):
    package = module_of(tmp_path, "a = 1\n")
    marks = set()
    for name, text in (("__init__.py", ""), ("one.py", "a = 1\n"), ("one.py", "a = 2\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        whole = ModuleType("whole")
        whole.__file__ = str(tmp_path / "__init__.py")
        marks |= {fingerprint(whole), fingerprint(package)}
    assert len(marks) == 4
    with pytest.raises(ValueError, match="modules hold sys"):
        fingerprint(sys)


# Where it runs


def loud(settings):
    """Writes down that it ran, then takes its time."""
    with open(settings["log"], "a", encoding="utf-8") as log:
        log.write(f"{settings['x']}\n")
    time.sleep(settings["seconds"])
    return {"root": math.sqrt(settings["x"]), "seed": derived_seed(settings)}


def failing(settings):
    if settings["x"] == 2:
        raise ZeroDivisionError("x is 2")
    time.sleep(0.05 * (settings["x"] > 2))
    return {"x": settings["x"]}


SCRIPT = """
    import sys
    from tests_of_sweep import loud
    from qtheory.sweep import Sweep

    if __name__ == "__main__":
        folder, log, jobs = sys.argv[1], sys.argv[2], int(sys.argv[3])
        tasks = [{"x": x, "log": log, "seconds": 0.06} for x in range(12)]
        own = Sweep("killed", loud, "1", folder)
        own.run(tasks, jobs=jobs)
        own.assemble(tasks)
"""


def start(place, jobs):
    """The script, in a process group of its own; this file is imported there under another name."""
    script = place / "script.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    (place / "tests_of_sweep.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, str(script), str(place / "results"), str(place / "log"), str(jobs)]
    paths = os.pathsep.join([str(place), str(ROOT)])
    # stderr goes to a file: workers that outlive the process would keep a pipe open
    with (place / "errors").open("a") as errors:
        return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, start_new_session=True, stderr=errors)


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("jobs", "sent"), [(1, signal.SIGKILL), (2, signal.SIGKILL), (1, signal.SIGINT)])
def test_a_killed_sweep_is_resumed_and_ends_with_the_same_bytes(tmp_path, jobs, sent):
    process = start(tmp_path, jobs)
    kept = tmp_path / "results" / "killed"
    wait_for(lambda: len(files_of(kept)) >= 3 or process.poll() is not None)
    process.send_signal(sent)
    process.wait(30)
    assert process.returncode != 0
    with contextlib.suppress(ProcessLookupError):  # the workers of a process that is no more
        os.killpg(process.pid, signal.SIGKILL)
    finished, begun = len(files_of(kept)), len((tmp_path / "log").read_text(encoding="utf-8").split())
    assert not (tmp_path / "results" / "killed.json").exists()
    assert finished < 12
    assert begun - finished <= 2 * jobs  # under way, or computed and on its way to the disk
    assert start(tmp_path, jobs).wait(60) == 0
    again = (tmp_path / "log").read_text(encoding="utf-8").split()
    assert len(again) == begun + 12 - finished  # nothing that was finished is computed again
    log = str(tmp_path / "log")
    wanted = [{"x": x, "log": log, "seconds": 0.06} for x in range(12)]
    record = json.loads((tmp_path / "results" / "killed.json").read_text(encoding="utf-8"))
    assert [row["result"]["seed"] for row in record["tasks"]] == [derived_seed(task) for task in wanted]
    other = Sweep("killed", loud, "1", tmp_path / "whole")  # never interrupted, in one process, in another order
    other.run(wanted[::-1], progress=False)
    assert compare(other, wanted, tmp_path)


def compare(other, wanted, place):
    """Whether the files are the same but for the name of the module that this file was imported as."""
    bodies = [other.assemble(wanted).read_bytes(), (place / "results" / "killed.json").read_bytes()]
    return len({body.split(b"\n", 1)[1] for body in bodies}) == 1 and all(b'"tasks":[\n{' in body for body in bodies)


def test_processes_make_the_same_bytes(tmp_path):
    for jobs in (1, 2):
        own = sweep_in(tmp_path / str(jobs))
        own.run(tasks(), jobs=jobs)
        own.assemble(tasks())
    one, two = files_of(tmp_path / "1"), files_of(tmp_path / "2")
    assert [p.name for p in one] == [p.name for p in two]
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


CLUSTER = """
    import sys
    from pathlib import Path
    from distributed import LocalCluster
    from sweep_task import square
    from qtheory.sweep import Sweep

    if __name__ == "__main__":
        tasks = [{"x": x / 7, "seed": 3} for x in range(8)]
        with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
            for folder, where in (("here", {}), ("there", {"cluster": cluster.scheduler_address})):
                own = Sweep("squares", square, "1", Path(sys.argv[1], folder))
                own.run(tasks, **where)
                own.assemble(tasks)
            try:
                Sweep("bad", square, "1", sys.argv[1]).run([{"x": "text"}], cluster=cluster.scheduler_address)
            except TypeError as error:
                print(error.__notes__)
"""
TASK = """
    import os
    from qtheory.sweep import derived_seed

    def square(settings):
        with open(os.environ["WHO"], "a") as log:
            log.write(f"{os.getpid()}\\n")
        return {"square": settings["x"] ** 2, "draw": derived_seed(settings) / 3}
"""


def test_a_cluster_makes_the_same_bytes(tmp_path):
    (tmp_path / "script.py").write_text(textwrap.dedent(CLUSTER), encoding="utf-8")
    (tmp_path / "sweep_task.py").write_text(textwrap.dedent(TASK), encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths, "WHO": str(tmp_path / "who")}
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert ran.returncode == 0, ran.stderr
    here, there = files_of(tmp_path / "here"), files_of(tmp_path / "there")
    assert len(here) == 9 and [p.name for p in here] == [p.name for p in there]
    assert [p.read_bytes() for p in here] == [p.read_bytes() for p in there]
    who = (tmp_path / "who").read_text(encoding="utf-8").split()
    assert who[0] not in who[8:16] and len(set(who)) >= 2  # other processes did compute
    assert 'in the task {"x":"text"}' in ran.stdout


def test_without_distributed_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"qtheory\[cluster\]"):
        sweep_in(tmp_path).run(tasks(1), cluster="tcp://127.0.0.1:1")


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_fails_says_which_task_and_the_rest_is_kept(tmp_path, jobs):
    own = sweep_in(tmp_path, function=failing)
    with pytest.raises(ZeroDivisionError, match="x is 2") as caught:
        own.run([{"x": x} for x in range(20)], jobs=jobs)
    assert caught.value.__notes__[0] == 'in the task {"x":2}'
    assert own.load({"x": 0}) == {"x": 0} and own.load({"x": 1}) == {"x": 1}
    assert own.load({"x": 19}) is None  # soon after the failure nothing more is begun


# What is refused


def bytes_needed(settings):
    return 1000.0 * settings["trials"] + settings.get("fixed", 0)


def test_a_task_beyond_the_limit_says_how_to_divide_it(tmp_path):
    limits = {"memory": bytes_needed, "memory_limit": 2**20, "divisible": "trials"}
    own = sweep_in(tmp_path, **limits)
    with pytest.raises(ValueError, match=r"needs 9\.54 MiB .* 1\.00 MiB: .*10000 divided into 10 tasks"):
        own.run([{"x": 1, "trials": 1}, {"x": 1, "trials": 10_000}])
    assert CALLS == [] and files_of(tmp_path) == []  # before anything is computed
    own.run([{"x": 1, "trials": 1048}])
    with pytest.raises(ValueError, match="even trials = 1 exceeds it"):
        own.run([{"x": 1, "trials": 5, "fixed": 2**21}])
    with pytest.raises(ValueError, match="smaller tasks or a higher limit"):
        sweep_in(tmp_path, **limits | {"divisible": None}).run([{"x": 1, "trials": 10_000}])


def returns_nan(settings):
    return {"x": math.nan}


def returns_number(settings):
    return 1.0


class TwoWords(Exception):
    """Pickles, and does not come back: its arguments are not those of `__init__`."""

    def __init__(self, a, b):
        super().__init__(f"{a} {b}")


def raises_two_words(settings):
    raise TwoWords("no", settings["x"])


@pytest.mark.parametrize(("jobs", "kind"), [(1, TwoWords), (2, RuntimeError)])
def test_an_error_that_cannot_travel_keeps_its_words_and_its_task(tmp_path, jobs, kind):
    with pytest.raises(kind, match="no 1") as caught:
        sweep_in(tmp_path, function=raises_two_words).run([{"x": 1}], jobs=jobs)
    assert any('in the task {"x":1}' in note for note in caught.value.__notes__)


@pytest.mark.parametrize("function", [returns_nan, returns_number])
def test_a_result_that_is_no_mapping_of_numbers_is_refused(tmp_path, function):
    with pytest.raises(ValueError, match=r"result of task \{\"x\":1\}"):
        sweep_in(tmp_path, function=function).run([{"x": 1}])
    assert files_of(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"name": "a/b"}, "name='a/b'"),
        ({"name": "..x"}, "name="),
        ({"version": ""}, "version=''"),
        ({"function": lambda s: {}}, "top level of a module"),
        ({"function": 3}, "top level of a module"),
        ({"memory_limit": -1.0}, "memory_limit"),
        ({"memory": 3}, "memory=3: expected a function"),
        ({"folder": 3}, "folder=3: expected a path"),
    ],
)
def test_bad_sweeps_are_refused(tmp_path, change, match):
    with pytest.raises(ValueError, match=match):
        sweep_in(**{"folder": tmp_path} | change)


@pytest.mark.parametrize(
    ("task", "options", "match"),
    [
        ({"x": math.nan}, {}, "task/x"),
        ({1: 2}, {}, "task="),
        ([1], {}, "task="),
        ({"x": 1}, {"jobs": 0}, "jobs"),
        ({"x": 1}, {"jobs": 1.5}, "jobs"),
        ({"x": 1}, {"jobs": -1.0}, "jobs"),
        ({"x": 1}, {"cluster": "somewhere"}, "cluster='somewhere'"),
    ],
)
def test_bad_tasks_and_options_are_refused(tmp_path, task, options, match):
    with pytest.raises(ValueError, match=match):
        sweep_in(tmp_path).run([task], **options)


def test_an_unfinished_sweep_is_not_assembled(tmp_path):
    own = sweep_in(tmp_path)
    own.run(tasks(2))
    with pytest.raises(ValueError, match="has no result: run it first"):
        own.assemble(tasks(3))
