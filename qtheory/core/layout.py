"""Moving blocks: as they are, or from one trial a column to one trial a row and back."""

from .compile import jit

TILE = 8


@jit()
def transpose(source, out):
    """out[j, i] = source[i, j] for a source (n, m), tile by tile: whole cache lines are read and written."""
    n, m = source.shape
    rows, columns = n // TILE * TILE, m // TILE * TILE
    for a in range(0, rows, TILE):
        for b in range(0, columns, TILE):
            for j in range(TILE):
                for i in range(TILE):
                    out[b + j, a + i] = source[a + i, b + j]
    for i in range(n):
        for j in range(columns if i < rows else 0, m):
            out[j, i] = source[i, j]


@jit()
def copy(source, to):
    """A block into another, entry by entry."""
    for j in range(source.shape[0]):
        for i in range(source.shape[1]):
            to[j, i] = source[j, i]
