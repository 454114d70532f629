"""``python -m stemweave``."""

import sys

from stemweave.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
