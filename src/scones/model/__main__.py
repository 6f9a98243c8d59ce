"""The entry point of the container image: `python -m scones.model train|evaluate|serve`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from scones.contract.layout import ML_ROOT, ML_ROOT_VARIABLE
from scones.model.container import Container

PROGRAMS = ("train", "evaluate", "serve")


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one program and return its exit code.

    The code is 0 on success, 1 after an error, whose reason is written for SageMaker, and 2 for wrong arguments.
    """
    if len(arguments) != 1 or arguments[0] not in PROGRAMS:
        print(f"usage: python -m scones.model {'|'.join(PROGRAMS)}", file=sys.stderr)
        return 2
    container = Container(Path(environ.get(ML_ROOT_VARIABLE) or ML_ROOT))
    try:
        # Imported here, so that `evaluate` and `serve` start without torch, which their image does not have.
        program = importlib.import_module(f"scones.model.{arguments[0]}")
        program.main(container)
    except Exception as error:
        traceback.print_exc()
        print(container.write_failure(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
