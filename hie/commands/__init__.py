"""Commands: what `hie <command>` does, one module each; `hie/cli.py` only names them."""
