"""`python -m scones`: the `scones` command."""

from scones.cli import main

main()
