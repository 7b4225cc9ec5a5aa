"""The trunk: where its files are, how it is loaded, which it is, how conversations become its tokens."""
