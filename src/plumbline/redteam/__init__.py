"""Red teaming: attempts to make a model do harm, how harmful what it said was, and what all attempts together tell.

Scores transcripts with models of harmlessness and measures attempts. Reads no format and writes no file; a page of what
was measured draws `plumbline.report`.
"""
