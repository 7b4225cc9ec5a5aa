"""Scorers of conversations: features, heads, training, calibration, saving."""
