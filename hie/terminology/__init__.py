"""Terminology: code systems, value sets and concept maps; lookup, validation, subsumption, expansion, translation."""
