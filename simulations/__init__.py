"""One script a figure: `python simulations/<figure>.py`, or `python -m simulations` for all of them."""
