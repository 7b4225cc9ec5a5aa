"""Two policies side by side, judged."""
