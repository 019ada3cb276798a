"""``python -m segfit``: the command line, where no ``segfit`` is on the path."""

from segfit.cli.app import main

if __name__ == "__main__":
    main()
