"""What the process imports that children are forked from: all that workers and readers run.

Nothing of it is looked through by a child's garbage collection, which would write to every page that they share.
"""

from hie.app import ahead, feeds, reading
from hie.base.memory import settle_memory

__all__ = ["ahead", "feeds", "reading"]

settle_memory()
