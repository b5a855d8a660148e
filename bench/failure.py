"""The errors of the bench: a figure that could not be taken, or one that this target does not have."""


class BenchError(Exception):
    """A figure could not be taken; the text says why and what to do."""


class NotShownError(BenchError):
    """This target cannot show the figure (such as the start time of one that runs already): no failure."""
