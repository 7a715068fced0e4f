"""Simulate: made-up, reproducible traffic of the three regions, with the truth beside it.

Everything follows from a seed: people (`people`), their visits (`history`), the messages, documents and envelopes
that their hospitals send (`wujiang`, `jiashan`, `qingpu`), what is wrong with some of them (`*_faults`), and the order
in which they arrive (`traffic`). All names and numbers are invented: county codes 320598, 330498 and 310198 are not
assigned, and phone numbers start with 120.
"""
