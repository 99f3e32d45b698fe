"""Entry point of ``python -m vramfit``; that of the console script is in ``vramfit._boot``."""

import sys

from vramfit._boot import main

if __name__ == "__main__":
    sys.exit(main())
