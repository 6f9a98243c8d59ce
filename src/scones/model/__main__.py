"""The image's three programs, `python -m scones.model train|evaluate|serve`; each loads only what it needs."""

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
    """Run one program; the exit code is 0, 1 after a failure whose reason is written down, or 2 for a wrong usage."""
    if len(arguments) != 1 or arguments[0] not in PROGRAMS:
        print(f"usage: python -m scones.model {'|'.join(PROGRAMS)}", file=sys.stderr)
        return 2
    container = Container(Path(environ.get(ML_ROOT_VARIABLE) or ML_ROOT))
    try:
        importlib.import_module(f"scones.model.{arguments[0]}").main(container)
    except Exception as error:
        traceback.print_exc()
        print(container.write_failure(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
