"""Public formats, one file each: lines ↔ records, both ways; loading from files, folders and the hub."""
