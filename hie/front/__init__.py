"""Front: the processes that answer HTTP, and how they share one port and one writer."""
