"""The durable state of the server: ministack's stores, entry by entry, in one SQLite file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ministack import app as engine
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import dynamodb

from localaws.persistence import objects
from localaws.persistence.marks import watch_items, watch_stores
from localaws.persistence.rows import Rows
from localaws.persistence.saver import Saver

__all__ = ["Saver", "open_saver"]


def open_saver(path: Path) -> Saver:
    """Return a saver to the file `path`, and make ministack load its state from there when it starts.

    ministack's own saving, which happens at shutdown only, is turned off.
    """
    watch_stores((AccountScopedDict, AccountRegionScopedDict))
    watch_items(dynamodb)
    objects.install()
    saver = Saver(Rows(path), _modules)
    engine._load_persisted_state = lambda: saver.load(engine._get_module, engine._state_map)
    engine.save_all = lambda services: None
    return saver


def _modules() -> Mapping[str, ModuleType]:
    # Called for each request, so the answer is cached. Modules are only ever added: their numbers are the cache's key.
    return _modules_of(len(engine._loaded_modules), len(sys.modules))


@lru_cache(1)
def _modules_of(*_counts: int) -> Mapping[str, ModuleType]:
    modules = {}
    for name, module_name in engine._state_map.items():
        module = engine._loaded_modules.get(module_name) or sys.modules.get(f"ministack.services.{module_name}")
        if isinstance(module, ModuleType) and hasattr(module, "get_state"):
            modules[name] = module
    return modules
