"""Collecting human judgements: studies, items, leases, judgements, and the store they stand in."""
