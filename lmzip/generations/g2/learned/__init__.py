"""What was learned before the program was shipped, as files that are read at the start."""
