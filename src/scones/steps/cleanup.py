"""`scones cleanup`: deletes everything of the project, then lists every service again and reports what is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from scones.errors import DeletionError, LeftBehindError, StackError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.deletion import DELETE, Account, StillBusyError, stop_arrivals, stop_executions
from scones.steps.account.gone import ignoring_gone
from scones.steps.account.inventory import Resource, inventory
from scones.steps.account.refusal import Refused, explain, is_refusal
from scones.steps.run.patience import patiently

if TYPE_CHECKING:
    from scones.clients import ClientFactory

# Listings lag behind deletions: only what is listed for longer than this counts as left behind.
_SETTLE_SECONDS: Final = 60
_SETTLE_POLL_SECONDS: Final = 5


@dataclass
class _Obstacles:
    """What could not be done: `unlisted` is what could not be looked at, `reasons` are those of deletions."""

    unlisted: Refused = field(default_factory=Refused)
    reasons: list[str] = field(default_factory=list)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Leave the block without an error if AWS did not allow or finish a deletion, and note why."""
        try:
            yield
        except (DeletionError, StackError) as error:
            self.reasons.append(str(error))
        except ClientError as error:
            if not is_refusal(error):
                raise
            self.reasons.append(explain(error))


def cleanup(
    settings: Settings, *, client: ClientFactory, progress: Progress, sleep: Callable[[float], None] = time.sleep
) -> list[Resource]:
    """Delete the project's resources and return them. What AWS does not allow is passed over, and named at the end.

    Raises LeftBehindError, with the names of what still exists or may not be listed, if there is any.
    """
    account = Account(client, sleep)
    deleted: list[Resource] = []
    obstacles = _Obstacles()

    def delete_all() -> None:
        obstacles.reasons.clear()
        # Before the bucket is emptied: deliveries write to it.
        with obstacles.passing():
            stop_arrivals(settings, account)
        with obstacles.unlisted.passing("executions"):
            stop_executions(settings, account)
        for resource in inventory(settings, client=client, refusing=obstacles.unlisted.passing):
            if delete := DELETE.get(resource.kind):
                progress.update(len(deleted), detail=f"{resource.kind} {resource.id}")
                with obstacles.passing():
                    with ignoring_gone():
                        delete(resource.id, account)
                    deleted.append(resource)

    try:
        # From its beginning after a transient error: the inventory then lists what still exists.
        patiently(delete_all, progress=progress, sleep=sleep)
    except StillBusyError as error:
        # Later resources are kept: the busy one may still be using them.
        obstacles.reasons.append(str(error))
    progress.update(len(deleted), len(deleted), "listing every service again")
    left = _settled(settings, account, obstacles, progress)
    if left or obstacles.unlisted.reasons:
        raise _left_behind(left, obstacles)
    return deleted


def _left_behind(left: Sequence[Resource], obstacles: _Obstacles) -> LeftBehindError:
    names = [f"{resource.kind} {resource.id}" for resource in left]
    unlisted = obstacles.unlisted.reasons
    parts = list(obstacles.reasons)
    if left:
        parts.append(f"cleanup left {len(left)} behind: {', '.join(names)}")
    if unlisted:
        parts += [f"these could not be listed, and some may be left: {', '.join(unlisted)}", *unlisted.values()]
    message = "; ".join([*dict.fromkeys(parts), "run it again, or delete them by hand"])
    return LeftBehindError(message, [*names, *(f"{kind} (not listed)" for kind in unlisted)])


def _settled(settings: Settings, account: Account, obstacles: _Obstacles, progress: Progress) -> list[Resource]:
    """Return what the services still list once their listings have caught up with the deletions."""

    def look() -> list[Resource]:
        return list(inventory(settings, client=account.client, refusing=obstacles.unlisted.passing))

    left = patiently(look, progress=progress, sleep=account.sleep)
    # What failed to be deleted will still be listed after a minute.
    for _ in range(0 if obstacles.reasons else _SETTLE_SECONDS // _SETTLE_POLL_SECONDS):
        if not left:
            break
        account.sleep(_SETTLE_POLL_SECONDS)
        left = patiently(look, progress=progress, sleep=account.sleep)
    return left
