"""Runs that measure models, and what figures are told with."""
