"""Rounds: what people judged becomes data, models, the best replies and the next study, one step after the other."""
