"""Best-of-n runs."""
