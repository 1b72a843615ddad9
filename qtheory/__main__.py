"""`python -m qtheory` is the `qtheory` command."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="qtheory")
