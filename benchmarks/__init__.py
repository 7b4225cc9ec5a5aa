"""Benchmarks: each module here is run by itself, prints a table and, with --json, writes its figures with the machine they hold for.

`measuring` is how they measure. What they are made of stands in folders: `peers` are what Plumbline is held against, `rows` what both read,
`collecting` stores and servers under load, `constrained` tasks whose optimum is known, `curating` and `models` steps and figures.
"""
