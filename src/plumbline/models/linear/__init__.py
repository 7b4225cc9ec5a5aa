"""Linear models: features of training rows, exact fits, scores, folders."""
