"""Public formats, one file each: lines ↔ records, both ways; loading from files, folders and the hub."""

from plumbline.formats.loading import Loaded, load, merge_loaded
from plumbline.formats.registry import FORMATS, PARQUET, Format
from plumbline.formats.streaming import stream
from plumbline.formats.writing import Written, convert_loaded, write_tables

__all__ = [
    "FORMATS",
    "PARQUET",
    "Format",
    "Loaded",
    "Written",
    "convert_loaded",
    "load",
    "merge_loaded",
    "stream",
    "write_tables",
]
