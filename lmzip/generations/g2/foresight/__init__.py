"""Foresight: whether the next byte can be told without asking the model."""
