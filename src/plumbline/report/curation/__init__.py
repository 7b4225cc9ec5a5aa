"""What a page tells of a curation."""
