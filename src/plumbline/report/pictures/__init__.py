"""Pictures as SVG, one file a kind of picture."""
