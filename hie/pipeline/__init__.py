"""The pipeline: takes an item through parse, mapping, quality, fold and identity into the store, in one transaction."""
