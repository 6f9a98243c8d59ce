"""A Lambda handler that runs the real handler and kills its own process at random; `chaos.py` in the functions' zip.

One invocation in `CHAOS_ONE_IN` ends in SIGKILL, immediately before or after an AWS call that is drawn at random. If
the handler makes fewer calls, it is killed before it returns.
"""

import importlib
import os
import random
import signal

import boto3

_ONE_IN = int(os.environ["CHAOS_ONE_IN"])
_MAX_CALLS = 6
_random = random.SystemRandom()
# The hooks until the kill; empty if this invocation survives.
_countdown: list[int] = []


def _maybe_die(**_: object) -> None:
    if _countdown and _countdown[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if _countdown:
        _countdown[0] -= 1


def handler(event: object, context: object) -> object:
    """Call the handler that `CHAOS_HANDLER` names."""
    module, _, name = os.environ["CHAOS_HANDLER"].rpartition(".")
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
        for moment in ("before-call", "after-call"):
            boto3.DEFAULT_SESSION.events.register(moment, _maybe_die)
    _countdown[:] = [_random.randrange(2 * _MAX_CALLS)] if _random.randrange(_ONE_IN) == 0 else []
    answer = getattr(importlib.import_module(module), name)(event, context)
    if _countdown:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
