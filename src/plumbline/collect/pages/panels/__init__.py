"""Figures of `collect.dashboard` as panels: a picture, what it says, and its table. Pure: values in, values out."""
