"""Entry point of ``python -m vramfit``: that of the console script."""

import sys

from vramfit import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
