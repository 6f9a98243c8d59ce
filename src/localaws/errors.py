"""Every error that localaws raises on purpose; the message is one line.

LocalAwsError
|-- ImageError        an image that is not known here, or an `--image` that names none
|-- ServerError       the server could not start, or did not come up
`-- DefinitionError   a state machine that this engine would not run as AWS does
"""


class LocalAwsError(Exception):
    pass


class ImageError(LocalAwsError):
    pass


class ServerError(LocalAwsError):
    pass


class DefinitionError(LocalAwsError):
    pass
