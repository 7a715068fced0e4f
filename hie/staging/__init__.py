"""Staging: every received byte durable before an answer leaves, and the state of every item as a table."""
