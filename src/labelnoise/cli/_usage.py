"""The error of all commands."""


class UsageError(Exception):
    """What was asked for cannot be done: one sentence with the argument and the remedy."""
