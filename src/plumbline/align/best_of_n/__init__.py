"""What the best of n replies is worth."""
