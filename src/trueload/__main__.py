"""`python -m trueload`: the same as the command `trueload`."""

import sys

from trueload.commands import main

if __name__ == "__main__":
    sys.exit(main())
