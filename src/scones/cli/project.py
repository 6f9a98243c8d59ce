"""The project that a command works on: its settings, its AWS clients and the outputs of its stacks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

from scones.errors import CredentialsError

if TYPE_CHECKING:
    from scones.clients import ClientFactory
    from scones.settings import Settings


@dataclass(frozen=True)
class Project:
    """The settings of the current folder; AWS is asked when a command first needs it, and once for each stack."""

    settings: Settings

    @classmethod
    def load(cls) -> Project:
        """Return the project of the current folder. Raises UsageError if its settings are invalid."""
        # Here and not above, because `scones --help` should not wait for pydantic.
        from scones.settings import load_settings

        return cls(load_settings())

    @cached_property
    def client(self) -> ClientFactory:
        """The clients of the caller's account. Raises CredentialsError without credentials or a region."""
        import boto3

        from scones.steps.account.refusal import note_requests

        session = boto3.Session()
        note_requests(session.events)
        if session.get_credentials() is None:
            raise CredentialsError(
                "no AWS credentials; run `aws configure`, or `eval $(scones local env)` for the laptop's AWS"
            )
        if session.region_name is None:
            raise CredentialsError("no AWS region; set AWS_DEFAULT_REGION or run `aws configure`")
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
