"""The door for programs of others: ``from edge.artifact import Artifact``."""

from edge.run.artifact import Artifact, new_artifact

__all__ = ["Artifact", "new_artifact"]
