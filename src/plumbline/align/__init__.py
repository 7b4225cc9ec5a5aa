"""Better replies under two axes: best-of-n, and policies trained for reward while cost stays within a limit."""
