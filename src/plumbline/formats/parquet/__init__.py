"""Parquet, read within bounds and written as a stream."""
