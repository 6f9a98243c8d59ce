"""`python -m localaws`: the `localaws` command."""

from localaws.cli import main

main()
