"""One training: losses, steps, checkpoints, what is said of it."""
