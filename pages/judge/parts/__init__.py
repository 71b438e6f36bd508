"""The parts of the Errors page, from top to bottom."""
