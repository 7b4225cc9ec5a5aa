"""Whole runs: steps that call the packages below through their public functions. The command line and the demo use them."""
