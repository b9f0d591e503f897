"""The truth server: ``python -m servemark_engine.truth --help``."""

import sys

from servemark_engine._native import truth

if __name__ == "__main__":
    sys.exit(truth(sys.argv[1:]))
