"""The page about two policies."""
