"""Cascades: two moderation models as one."""
