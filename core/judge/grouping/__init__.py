"""Ways of dividing molecules into groups."""
