"""What a release says of itself, by file."""
