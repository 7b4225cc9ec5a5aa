"""Models to other tools, and theirs here."""
