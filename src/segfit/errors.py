"""The one error that a user can cause, and the one warning that a user should read."""


class SegfitError(ValueError):
    """A mistake that the user can mend: the message says what was given, expected, and to do."""


class SegfitWarning(UserWarning):
    """What the user should know of work that goes on all the same, and what to do about it."""
