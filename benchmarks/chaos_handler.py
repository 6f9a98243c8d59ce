"""Goes into the functions' zip as `chaos.py`: the handler itself, in a process that is now and then killed.

One invocation in `CHAOS_ONE_IN` ends in SIGKILL at a call of AWS's drawn at random, before it is made or after it and
before its answer is used; where there are fewer calls, before the handler's own answer is given.
"""

import importlib
import os
import random
import signal

import boto3

_ONE_IN = int(os.environ["CHAOS_ONE_IN"])
_MOST_CALLS = 6
_chance = random.SystemRandom()
_left: list[int] = []


def _maybe_die(**_: object) -> None:
    if _left and _left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if _left:
        _left[0] -= 1


def handler(event: object, context: object) -> object:
    module, _, name = os.environ["CHAOS_HANDLER"].rpartition(".")
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
        for moment in ("before-call", "after-call"):
            boto3.DEFAULT_SESSION.events.register(moment, _maybe_die)
    _left[:] = [_chance.randrange(2 * _MOST_CALLS)] if _chance.randrange(_ONE_IN) == 0 else []
    answer = getattr(importlib.import_module(module), name)(event, context)
    if _left:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
