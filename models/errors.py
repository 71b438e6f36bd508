"""What is raised when a network or its files are not what they should be."""


class ModelError(Exception):
    """A sentence for a person: the thing, what was found, what was expected, what to do."""
