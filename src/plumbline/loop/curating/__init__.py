"""Curating runs: sources through a recipe to a curated folder."""
