"""The record browser: one person's history from all regions, as server-rendered pages. Reads, never writes."""
