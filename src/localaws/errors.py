"""Every error that localaws raises on purpose. Each message is one line; the command line prints it."""


class LocalAwsError(Exception):
    """The base class of all errors that localaws raises on purpose."""


class ContainerImageError(LocalAwsError):
    """Raised if a container image is unknown on this machine, or if an `--image` option cannot be parsed."""


class ServerError(LocalAwsError):
    """Raised if the server cannot start, does not answer or cannot be stopped."""


class DefinitionError(LocalAwsError):
    """Raised for a state machine that this engine would not run as AWS does."""
