"""Transient errors of AWS as one error, which the state machines retry by its name. Runs in Lambda.

Lambda reports an exception by its class's name. botocore raises a class for each error of a service's model, and
connection errors that are not a ClientError; a state machine cannot list them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from scones.aws_errors import is_transient
from scones.errors import ServiceUnavailableError

P = ParamSpec("P")
R = TypeVar("R")


def retryable(handler: Callable[P, R]) -> Callable[P, R]:
    """Return a handler that raises ServiceUnavailableError instead of a transient error of AWS."""

    @wraps(handler)
    def handle(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except (BotoCoreError, ClientError) as error:
            if not is_transient(error):
                raise
            raise ServiceUnavailableError(f"{type(error).__name__}: {error}; try again") from error

    return handle
