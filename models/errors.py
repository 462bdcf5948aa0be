"""The errors that this package raises on purpose. Messages say what was expected and what was found."""


class ModelError(ValueError):
    """Base of all of them: something that the user gave cannot be used."""


class CheckpointError(ModelError):
    """The file is no checkpoint that this toolkit can use."""


class DataError(ModelError):
    """Pictures that cannot be trained on."""


class RecipeError(ModelError):
    """A training recipe that cannot be followed."""


class TrainingError(RuntimeError):
    """Training went wrong: the loss became NaN or infinite."""


def brief(value: object) -> str:
    """``value`` in one line of at most 200 characters, since text from a file may have any length."""
    return " ".join(str(value).split())[:200]
