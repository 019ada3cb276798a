"""The one error that a user can cause."""


class SegfitError(ValueError):
    """A mistake that the user can mend: the message says what was given, expected, and to do."""
