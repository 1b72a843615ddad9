"""Classes of convex functions, as what their values and (sub)gradients at finitely many points can be.

The conditions on all pairs of points are necessary, and sufficient as well: a function of the class has these values
and (sub)gradients at these points (Taylor, Hendrickx and Glineur 2017, Theorem 4; with a bound G
proofs/worst_case/programs.md).
"""

from dataclasses import dataclass, field
from typing import Any

from .._check import rational
from ._algebra import Expression, Vector
from ._world import ZERO, World


@dataclass(frozen=True)
class Convex:
    """mu-strongly convex functions (mu = 0: convex) whose subgradients, where they are asked for, have norm <= G.

    For mu = 0 the values are those for functions that are G-Lipschitz everywhere.

    Arguments:
        G: > 0, in units of F over units of w.
        mu: >= 0, in units of F over units of w squared.

    Raises: ValueError naming the argument.
    """

    G: Any = 1
    mu: Any = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "G", rational("G", self.G, above=0))
        object.__setattr__(self, "mu", rational("mu", self.mu, least=0))

    def gap(self, x: Vector, g: Vector, y: Vector, h: Vector) -> Expression:
        """The least F(x) - F(y) for (sub)gradients g at x and h at y."""
        found = h @ (x - y)
        return found + self.mu / 2 * (x - y).squared() if self.mu else found


@dataclass(frozen=True)
class Smooth:
    """Convex functions with an L-Lipschitz gradient, mu-strongly convex, with gradients of norm <= G where asked for.

    For mu = 0 the values are those for functions whose gradients have norm <= G everywhere.

    Arguments:
        L: > mu, in units of F over units of w squared.
        mu: >= 0, in the same units.
        G: > 0, in units of F over units of w; None: no bound.

    Raises: ValueError naming the argument.
    """

    L: Any = 1
    mu: Any = 0
    G: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mu", rational("mu", self.mu, least=0))
        object.__setattr__(self, "L", rational("L", self.L, above=float(self.mu)))
        if self.G is not None:
            object.__setattr__(self, "G", rational("G", self.G, above=0))

    def gap(self, x: Vector, g: Vector, y: Vector, h: Vector) -> Expression:
        """The least F(x) - F(y) for gradients g at x and h at y."""
        if not self.mu:
            return h @ (x - y) + 1 / (2 * self.L) * (g - h).squared()
        # What exceeds the quadratic mu |.|² / 2 is (L - mu)-smooth and convex.
        step, lift = x - y, (g - h) - self.mu * (x - y)
        return h @ step + self.mu / 2 * step.squared() + 1 / (2 * (self.L - self.mu)) * lift.squared()


Class = Convex | Smooth


@dataclass(eq=False)
class Function:
    """A function of a class in a world, seen at the points where it was asked. Its minimiser over the domain is 0.

    star: its (sub)gradient at 0: zero, unless the domain ends there.
    """

    world: World
    kind: Class
    star: Vector = ZERO
    length: float = 1.0
    seen: list[tuple[str, Vector, Vector, Expression]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen.append(("w*", ZERO, self.star, Expression({})))

    @property
    def slope(self) -> float:
        """About how long its gradients are."""
        found = [float(self.kind.G)] if self.kind.G else []
        found += [float(self.kind.L) * self.length] if isinstance(self.kind, Smooth) else []
        return min(found)

    def at(self, name: str, x: Vector) -> tuple[Vector, Expression]:
        """Its (sub)gradient and its value above the least one at x, which is called `name`."""
        g = self.world.vector(f"g({name})", self.slope)
        f = self.world.value(f"F({name})", self.slope * self.length)
        self.seen.append((name, x, g, f))
        return g, f

    def interpolated(self) -> None:
        """Require what makes it a function of its class."""
        for name, x, g, f in self.seen:
            for other, y, h, e in self.seen:
                if name != other:
                    self.world.require(f"F({name}) >= F({other}) + ...", self.kind.gap(x, g, y, h) + e, f)

    def bounded(self, name: str, g: Vector) -> None:
        """Require E|g|² <= G²."""
        if self.kind.G is not None:
            self.world.require(f"|g({name})| <= G", g.squared(), self.kind.G**2)
