"""``plumbline train``: one file a command, and what several of them share."""
