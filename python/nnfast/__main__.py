"""``python -m nnfast`` and the command ``nnfast``."""

import sys

from .cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
