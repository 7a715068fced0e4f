"""Mapping: records to drafts, driven by the tables under `mappings/`. Pure: no I/O after the tables are loaded."""
