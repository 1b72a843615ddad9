"""Published theorems as code: one folder a paper, one module a theorem."""

import difflib
import importlib
import pkgutil
from functools import cache

from ._base import Case, Checked, Claim, Evidence, Instance, Role, Theorem, Verdict, judge, overall

__all__ = ["Case", "Checked", "Claim", "Evidence", "Instance", "Role", "Theorem", "Verdict", "all_theorems", "find",
           "judge", "overall"]  # fmt: skip

PAPERS = ("li2017", "schoenbauer2024", "jeong2025", "yang2019")


@cache
def all_theorems() -> dict[str, Theorem]:
    """Every theorem by its id, in the order of the papers and then of the statements."""
    found = {}
    for paper in PAPERS:
        package = importlib.import_module(f"{__name__}.{paper}")
        names = {m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")}
        if names != set(package.ORDER):
            raise ImportError(f"{package.__name__}.ORDER must list the modules beside it: {names ^ set(package.ORDER)}")
        for name in package.ORDER:
            theorem = importlib.import_module(f"{package.__name__}.{name}").THEOREM
            found[theorem.id] = theorem
    return found


def find(name: str) -> list[Theorem]:
    """The theorem with this id, or all of a paper. ValueError with suggestions for anything else."""
    theorems = all_theorems()
    if name in theorems:
        return [theorems[name]]
    if name in PAPERS:
        return [t for t in theorems.values() if t.id.startswith(name + "/")]
    near = difflib.get_close_matches(name, [*theorems, *PAPERS], n=3, cutoff=0.4)
    near += [t for t in theorems if t.endswith("/" + name) and t not in near]
    hint = f"did you mean {' or '.join(near)}?" if near else "see `qtheory list`"
    raise ValueError(f"no theorem is called {name!r}; {hint}")
