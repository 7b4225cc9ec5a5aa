"""Heads on a trunk that does not learn: features kept on disk, exact fits, ensembles."""
