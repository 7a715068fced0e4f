"""Testing: suites that a package outside this one can run on what it adds to the exchange."""
