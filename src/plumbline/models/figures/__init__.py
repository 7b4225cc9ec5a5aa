"""How good a model is: figures with intervals, by what they are about."""
