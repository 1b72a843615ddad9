"""Certificates: the dual solution of a worst case, made exact, is a proof of its value for that horizon.

The theorem speaks of the step sizes α_t that float64 holds, taken exactly. `checker.py` beside this file, which needs
nothing but the standard library, verifies the file that a certificate is saved in; proofs/worst_case/certificates.md
says why it suffices.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from .. import _check, _files
from . import _exact
from .functions import Smooth
from .methods import BC, SGD, SR
from .program import Program
from .solve import Solution


@dataclass(frozen=True, eq=False)
class Certificate:
    """A proof that objective <= value.

    description: of the program, as in the file.   value: proved.
    multipliers: >= 0, by the names of the premises, those that are not zero.
    tangents: m > 0 by the names of the premises |r|² <= a sqrt(b), used as |r|² <= a (b / m + m) / 2.
    vectors: (n,) names.   units: (n,) > 0.   denominator, rows: the lower triangle of L, in integers over the
        denominator: units_i units_j S_ij = (L L')_ij + E_ij with E diagonally dominant.
    """

    description: Mapping[str, Any]
    value: Fraction
    multipliers: Mapping[str, Fraction]
    tangents: Mapping[str, Fraction]
    vectors: tuple[str, ...]
    units: tuple[Fraction, ...]
    denominator: Fraction
    rows: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        return {
            **self.description,
            "value": str(self.value),
            "multipliers": _text(self.multipliers),
            "tangents": _text(self.tangents),
            "vectors": list(self.vectors),
            "units": [str(u) for u in self.units],
            "factor": {"denominator": str(self.denominator), "rows": [list(row) for row in self.rows]},
        }

    def theorem(self) -> str:
        """What is proved, in words."""
        from . import checker

        return checker.theorem(self.to_json(), self.value)

    def verified(self) -> str:
        """The theorem, after the checker has verified it again. Raises: ValueError where it does not."""
        return _verified(self.to_json())

    def save(self, path: str | Path) -> None:
        """Write the file. Raises: ValueError where it cannot be written."""
        try:
            _files.replace(Path(path), (json.dumps(self.to_json(), ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise ValueError(f"{error.filename or path}: {error.strerror or error}") from None

    @classmethod
    def load(cls, path: str | Path) -> "Certificate":
        """From a file that the checker accepts. Raises: ValueError for any other."""
        from . import checker

        try:
            with open(path, encoding="utf-8") as source:
                file = checker.read(source.read(checker.MOST_BYTES))
            _verified(file)
        except OSError as error:
            raise ValueError(f"{error.filename or path}: {error.strerror or error}") from None
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} must be a certificate: {error}") from None
        numbers = {part: {k: Fraction(v) for k, v in file[part].items()} for part in ("multipliers", "tangents")}
        factor, description = file["factor"], {k: file[k] for k in DESCRIPTION}
        return cls(
            description, Fraction(file["value"]), numbers["multipliers"], numbers["tangents"], tuple(file["vectors"]),
            tuple(map(Fraction, file["units"])), Fraction(factor["denominator"]),
            tuple(map(tuple, factor["rows"])),
        )  # fmt: skip


DESCRIPTION = "format", "function", "method", "steps", "distance", "domain", "measure"


def certify(solution: Solution) -> Certificate:
    """The solution's dual value, raised by as little as makes its proof exact: less than 1e-7 of it as a rule.

    Raises: InaccurateSolve where the multipliers are so far from a dual solution that it would take more than 1e-5;
        ValueError where the program is one that the checker does not know.
    """
    from . import checker

    _check.instance("solution", solution, Solution, "worst_case.solve(program)")
    world, description = solution.world, describe(solution.program)
    names = [_name(premise, world.names) for premise in solution.required]
    found = map(_exact.tangent, world.required, solution.required)
    tangents = {name: m for name, m in zip(names, found, strict=True) if m is not None}
    run = checker.Run({**description, "tangents": _text(tangents)})
    proof = _exact.prove(solution, run, names)
    certificate = Certificate(
        description, proof.value, proof.multipliers, tangents, tuple(world.names), proof.units, proof.denominator,
        proof.rows,
    )  # fmt: skip
    certificate.verified()
    return certificate


def describe(program: Program) -> dict[str, Any]:
    """The program as in the file. Raises: ValueError where the checker knows no such program."""
    from . import checker

    f, m = program.function, program.method
    function = {"class": type(f).__name__, "mu": str(f.mu), "G": None if f.G is None else str(f.G)}
    if isinstance(f, Smooth):
        function["L"] = str(f.L)
    method: dict[str, Any] = {"name": type(m).__name__, "noise": str(m.noise)}
    if isinstance(m, SR):
        method |= {"kappa": str(m.kappa), "concave": m.concave, "adjacent": m.adjacent}
    elif isinstance(m, BC):
        method |= {"energy": str(m.energy), "stochastic": m.stochastic}
    elif type(m) is not SGD:
        raise ValueError(f"method must be SGD, SR or BC to be certified, got {m!r}")
    return {
        "format": checker.FORMAT,
        "function": function,
        "method": method,
        "steps": [str(program.alpha(t)) for t in range(1, program.horizon)],
        "distance": None if program.distance is None else str(program.distance),
        "domain": program.domain,
        "measure": program.measure,
    }


def decimal(value: Fraction, places: int = 9) -> str:
    """Rounded up, so that what holds of the value holds of the text."""
    scaled = math.ceil(value * 10**places)
    sign, scaled = "-" * (scaled < 0), abs(scaled)
    return f"{sign}{scaled // 10**places}.{scaled % 10**places:0{places}d}"


def _name(premise: Any, names: list[str]) -> str:
    """The checker tells the bound of a gradient from that of gradient and noise together."""
    vectors = [names[key[0]] for key in premise.left.terms if len(key) == 2 and key[0] == key[1]]
    noise = [name for name in vectors if name.startswith("n(")]
    if premise.name.startswith("|g(") and noise:
        return premise.name.replace(")|", f") + {noise[0]}|", 1)
    return premise.name


def _text(numbers: Mapping[str, Fraction]) -> dict[str, str]:
    return {name: str(x) for name, x in numbers.items()}


def _verified(file: dict[str, Any]) -> str:
    from . import checker

    return checker.theorem(file, checker.check(file))
