"""Repeats a call to AWS that fails for a while, so that a command does not give up on work that goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from scones.aws_errors import is_transient
from scones.progress import Progress

# The SDK has already repeated the call, for some seconds. Together these waits are five minutes.
DELAYS: Final = (1, 2, 4, 8, *[15] * 19)

Result = TypeVar("Result")


def patiently(call: Callable[[], Result], *, progress: Progress, sleep: Callable[[float], None] = time.sleep) -> Result:
    """Return `call()`, which must be safe to repeat: it is called again after a transient error of AWS.

    Raises the error if it is not transient, or if the calls fail for five minutes.
    """
    for delay in DELAYS:
        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            if not is_transient(error):
                raise
            if delay == DELAYS[0]:
                progress.note(f"{error}; trying again for {sum(DELAYS) // 60} minutes")
            sleep(delay)
    return call()
