"""Who attends to whom when sequences share what they have in common."""
