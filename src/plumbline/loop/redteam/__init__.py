"""Red-team runs: attempts made, scored and reported."""
