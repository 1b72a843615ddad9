"""What a run of a method on an unknown function asks for: gradients, projections, and the points of the domain."""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import Any

from ._algebra import Expression, Vector
from ._world import ZERO, World
from .functions import Class, Function

DOMAINS = "start", "iterates", "projected"


@dataclass(eq=False)
class Run:
    """A run, in a world of its own.

    kind: the class of the function.   distance: D, or None where the class alone bounds |w_1 - w*|.
    domain: "start" (|w_1 - w*| <= D, nothing else is bounded), "iterates" (E|w_t - w*|² <= D² for all t), or
        "projected" (all points are in a convex set of diameter D, to which every step is projected).
    """

    kind: Class
    distance: Fraction | None
    domain: str
    world: World = field(default_factory=World)
    points: list[tuple[str, Vector]] = field(default_factory=list)
    normals: list[tuple[str, Vector, Vector]] = field(default_factory=list)
    _asked: dict[str, tuple[Vector, Expression]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = [] if self.distance is None else [self.distance]
        lengths += [self.kind.G / self.kind.mu] if self.kind.G and self.kind.mu else []
        self.F = Function(self.world, self.kind, length=float(min(lengths)))
        if self.domain == "projected":
            self.F.star = self.world.vector("g(w*)", self.F.slope)
            self.F.seen[0] = ("w*", ZERO, self.F.star, Expression({}))
            self.F.bounded("w*", self.F.star)
            self.points.append(("w*", ZERO))
            self.normals.append(("w*", ZERO, -1 * self.F.star))

    def start(self) -> Vector:
        """w_1 - w*."""
        w = self.world.vector("w1", self.F.length)
        if self.distance is not None and self.domain == "start":
            self.world.require("|w1 - w*| <= D", w.squared(), self.distance**2)
        return self.inside("w1", w)

    def at(self, name: str, x: Vector) -> tuple[Vector, Expression]:
        """Gradient and value at a point, asked once."""
        if name not in self._asked:
            self._asked[name] = self.F.at(name, x)
        return self._asked[name]

    def inside(self, name: str, x: Vector) -> Vector:
        """x, a point of the domain."""
        if name not in dict(self.points):
            self.points.append((name, x))
        return x

    def projected(self, name: str, p: Vector, alpha: Fraction) -> Vector:
        """The nearest point of the domain."""
        if self.domain != "projected" or alpha == 0:
            return self.inside(name, p)
        normal = self.world.vector(f"normal({name})", float(alpha) * self.F.slope)
        x = p - normal
        self.normals.append((name, x, normal))
        return self.inside(name, x)

    def close(self) -> World:
        """Require what ties all points together."""
        self.F.interpolated()
        if self.domain == "iterates":
            for name, x in self.points:
                if name[0] == "w":
                    self.world.require(f"|{name} - w*| <= D", x.squared(), self._squared())
        if self.domain == "projected":
            self._convex_set()
        return self.world

    def _convex_set(self) -> None:
        for (name, x), (other, y) in combinations(self.points, 2):
            self.world.require(f"|{name} - {other}| <= D", (x - y).squared(), self._squared())
        for name, x, normal in self.normals:
            for other, y in self.points:
                if other != name:
                    self.world.require(f"normal({name}) turns from {other}", normal @ (y - x))

    def _squared(self) -> Any:
        return self.distance**2  # type: ignore[operator]
