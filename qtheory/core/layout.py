"""From blocks with one trial a column to blocks with one trial a row, and back."""

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
