"""The exception tree. Every message is one sentence that says what to do next."""

from __future__ import annotations


class ServemarkError(Exception):
    """A step could not be done; the message is meant for the user as it stands."""


class UsageError(ServemarkError):
    """servemark was asked for something that cannot be: exit status 2."""


class ManifestError(UsageError):
    """A TOML or JSON file of the catalog does not have the shape that it must have."""


class PrepareError(ServemarkError):
    """A toolchain or an environment could not be made."""


class LaunchError(ServemarkError):
    """A server did not start, did not become ready, or died."""


class EngineError(ServemarkError):
    """A load engine could not do its work."""


class StoreError(ServemarkError):
    """A run folder could not be written or read."""


class TrainError(ServemarkError):
    """The model could not be trained or exported."""


class ModelError(ServemarkError):
    """A model cannot be added."""


class ClusterError(ServemarkError):
    """Machines of a cluster could not be used."""


class GeneratorLostError(ClusterError):
    """A load generator died or fell silent in the middle of a slice."""


class StationLostError(ClusterError):
    """A node that serves died or fell silent."""
