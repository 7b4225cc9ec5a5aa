"""``plumbline collect``: its commands, their options, and what they print."""
