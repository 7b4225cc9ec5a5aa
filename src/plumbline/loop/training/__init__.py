"""Training runs: sources to model folders."""
