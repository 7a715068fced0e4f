"""Commands: what `hie <command>` does, one module each; `hie/cli` reads their options and prints."""
