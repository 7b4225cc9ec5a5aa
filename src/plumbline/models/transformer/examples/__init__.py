"""From tables to the examples that a transformer learns from, and to batches of them."""
