"""A command that can not do what it was asked to, and the exit codes of all of them."""

DONE = 0
FAILED = 1  # It ran, and ended badly.
REFUSED = 2  # It did not even start: the sentence on stderr says what to do.
FORCED = 3  # A stop took too long, and was ended hard; the log settles it at the next start.


class CannotRunError(Exception):
    """One sentence for the operator, with what to do."""


class FailedError(Exception):
    """The run has ended by itself, and not as it should: a sentence for the operator."""
