"""Red teaming: attempts to make a model do harm, how harmful what it said was, and what all attempts together tell.

Makes attempts by machine, scores transcripts with models of harmlessness and measures attempts. Reads no format and writes
no file but the journal of replies that a run goes on from; a page of what was measured draws `plumbline.report`.
"""
