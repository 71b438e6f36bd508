"""The one error that is meant for a person."""


class MollensError(Exception):
    """A fault that the user can act on, told in one sentence.

    The text names the thing (file, line, id or field), what was found, what was expected and what to do. The command
    line prints it on standard error and exits with 1; a page shows it in place of its content.
    """
