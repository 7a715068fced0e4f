"""`python -m hie.cli`."""

from hie.cli import main

main()
