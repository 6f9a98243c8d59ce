"""The command line: each command parses its arguments, calls one step and prints the result.

`main` is the only place that catches SconesError.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

from scones import __version__
from scones.cli import depot, model, orders, privacy
from scones.cli.project import choose_account
from scones.console import labelled
from scones.errors import SconesError

# The order of use, from the first look to the end of the project.
ORDER: Final = (
    *("demo", "local", "deploy", "stage", "release", "evaluate", "orders", "deliver", "review", "deliveries"),
    *("classify", "report", "simulate", "forget", "cleanup"),
)


class _InOrderOfUse(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        # A command of another package comes last.
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    cls=_InOrderOfUse,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Classify bicycles and motorcycles with SageMaker, on AWS or on a laptop. Start with `scones demo`.",
)
# 128 + SIGINT, as shells have it.
_INTERRUPTED = 130
_AWS_MODULES = ("botocore", "boto3", "s3transfer")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    profile: Annotated[
        str | None, typer.Option(help="Profile of the AWS configuration files. Default: $AWS_PROFILE.", metavar="NAME")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="AWS region. Default: the profile's, or $AWS_DEFAULT_REGION.", metavar="NAME")
    ] = None,
) -> None:
    choose_account(profile, region)


# Without a name, so that the commands of these modules are commands of `scones` itself.
app.add_typer(model.app)
app.add_typer(depot.app)
app.add_typer(orders.app)
app.add_typer(privacy.app)


def _add_plugins() -> None:
    for entry_point in entry_points(group="scones.commands"):
        app.add_typer(entry_point.load(), name=entry_point.name)


def main() -> None:
    """Run the command line. An expected error is printed as one line, and sets the exit code."""
    _add_plugins()
    try:
        app(prog_name="scones")
    except SconesError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(_file_message(error), 1)
    except Exception as error:
        # AWS's errors have no common base class: boto3's and s3transfer's own are not botocore's.
        if type(error).__module__.startswith(_AWS_MODULES):
            _fail(_aws_message(error), 1)
        raise
    except SystemExit as exited:
        # Typer turns Ctrl-C into this exit code without printing anything.
        if exited.code == _INTERRUPTED:
            _fail("interrupted", _INTERRUPTED)
        raise


def _file_message(error: OSError) -> str:
    if error.filename is None:
        return f"{type(error).__name__}: {error}"
    return f"{error.filename}: {error.strerror}; check the path and its permissions"


def _aws_message(error: Exception) -> str:
    # Here and not above, because `scones --help` should not wait for botocore.
    from botocore.exceptions import ClientError

    from scones.steps.account.refusal import explain, is_refusal

    # boto3's transfers wrap the error that says what was refused.
    for cause in (error, error.__context__):
        if isinstance(cause, ClientError) and is_refusal(cause):
            return explain(cause)
    return f"AWS: {type(error).__name__}: {error}"


def _fail(message: str, code: int) -> None:
    one_line = " ".join(message.split())
    Console(stderr=True, soft_wrap=True).print(labelled("error:", "red", one_line), highlight=False)
    sys.exit(code)
