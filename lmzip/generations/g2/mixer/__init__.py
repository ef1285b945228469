"""The mixer: one probability of the next bit from what the memory and the transformer say."""
