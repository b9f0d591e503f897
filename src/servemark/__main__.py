"""``python -m servemark``."""

from servemark.cli.app import main

if __name__ == "__main__":
    main()
