"""Every error this toolkit raises on purpose. Messages say what was expected and what was found."""


class LiifEdgeError(Exception):
    """Base of all of them; ``exit_code`` is what the command line ends with."""

    exit_code = 2


class BadInput(LiifEdgeError):
    """What the user gave cannot be used: a file, a size, an option."""


class BadImage(BadInput):
    """The file is no picture that can be upscaled."""


class BadArtifact(BadInput):
    """The folder is no artifact, or not the one its card describes."""


class BadBundle(BadInput):
    """The file is no baseline bundle, or one of another checkpoint."""


class OutputExists(BadInput):
    """The path to write to is taken; nothing was overwritten."""


class DiskFull(BadInput):
    """There is no room left for what is to be written."""


class CheckFailed(LiifEdgeError):
    """A measurement left its threshold."""

    exit_code = 1


class ExportError(CheckFailed):
    """An exported program does not load, does not run, or computes something else."""


class MissingDependency(LiifEdgeError):
    """The environment lacks something; the message says how to get it."""

    exit_code = 3
