"""The page about red-team attempts."""
