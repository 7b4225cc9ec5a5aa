"""The synthetic corpus, with a known truth."""
