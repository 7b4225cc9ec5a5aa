"""Plumbline: human judgements of AI conversations into data sets, and those into models."""

__version__ = "0.1.0"
