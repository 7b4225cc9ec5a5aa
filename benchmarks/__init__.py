"""Benchmarks: each module prints a table and, with --json, writes its figures with the machine they hold for."""
