"""The parts of the Compare page, from top to bottom."""
