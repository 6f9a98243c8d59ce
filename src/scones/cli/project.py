"""The project that a command works on: its settings, its AWS clients and the outputs of its stacks."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

from scones.errors import CredentialsError

if TYPE_CHECKING:
    from scones.clients import ClientFactory
    from scones.settings import Settings


# The profile and the region of the command line. The root command sets them before any other command runs.
_account: ContextVar[tuple[str | None, str | None]] = ContextVar("account", default=(None, None))


def choose_account(profile: str | None, region: str | None) -> None:
    """Make `Project.load` use a profile and a region; None leaves them to the environment."""
    _account.set((profile, region))


@dataclass(frozen=True)
class Project:
    """The settings of the current folder; AWS is asked when a command first needs it, and once for each stack.

    `profile` and `region` are those of the command line, which come before the environment's.
    """

    settings: Settings
    profile: str | None = None
    region: str | None = None

    @classmethod
    def load(cls) -> Project:
        """Return the project of the current folder and command line. Raises UsageError if its settings are invalid."""
        # Here and not above, because `scones --help` should not wait for pydantic.
        from scones.settings import load_settings

        return cls(load_settings(), *_account.get())

    @cached_property
    def client(self) -> ClientFactory:
        """The clients of the caller's account. Raises CredentialsError without credentials or a region."""
        import boto3
        from botocore.exceptions import ProfileNotFound

        from scones.steps.account.refusal import note_requests

        try:
            session = boto3.Session(profile_name=self.profile, region_name=self.region)
        except ProfileNotFound as error:
            raise CredentialsError(
                f"{error}; run `aws configure --profile {self.profile or 'NAME'}`, or for the laptop's AWS "
                f"`scones local env --profile {self.profile or 'NAME'}`"
            ) from error
        note_requests(session.events)
        if session.get_credentials() is None:
            raise CredentialsError(
                "no AWS credentials; run `aws configure`, or `eval $(scones local env)` for the laptop's AWS"
            )
        if session.region_name is None:
            raise CredentialsError(
                "no AWS region; set AWS_DEFAULT_REGION, run `aws configure`, or use `scones --region NAME`"
            )
        return cast("ClientFactory", cache(session.client))

    @cached_property
    def storage(self) -> dict[str, str]:
        """The outputs of the storage stack. Raises StackError if it does not exist."""
        return self._outputs(self.settings.storage_stack)

    @cached_property
    def workflow(self) -> dict[str, str]:
        """The outputs of the workflow stack. Raises StackError if it does not exist."""
        return self._outputs(self.settings.workflow_stack)

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of both stacks. Raises StackError if one does not exist."""
        return self.storage | self.workflow

    def _outputs(self, stack: str) -> dict[str, str]:
        from scones.steps.account.stacks import stack_outputs

        return stack_outputs(stack, cloudformation=self.client("cloudformation"))
