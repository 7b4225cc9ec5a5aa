"""Preference, cost and moderation heads on a transformer; what sequences share is computed once."""
