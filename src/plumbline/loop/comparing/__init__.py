"""Comparisons of two policies."""
