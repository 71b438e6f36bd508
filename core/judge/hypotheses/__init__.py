"""The thesis's four hypotheses, put to runs."""
