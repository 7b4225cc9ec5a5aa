"""Runs that train a policy."""
