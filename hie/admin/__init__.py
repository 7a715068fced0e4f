"""Admin: what operators ask of a running server over HTTP; the command line uses the same doors."""
