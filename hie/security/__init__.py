"""Who asks, and what they may see: principals and policy. Pure functions of values; no I/O."""
