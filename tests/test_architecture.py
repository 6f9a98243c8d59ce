"""Keeps the import table of ARCHITECTURE.md: what each home may load, indirect imports included."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
STDLIB = set(sys.stdlib_module_names) | {"__future__"}

# Home -> what its modules may load besides the standard library and themselves.
MAY_LOAD = {
    "scones.contract": set(),
    "scones.errors": set(),
    "scones.items": {"botocore", "scones.contract"},
    "scones.aws_errors": {"botocore"},
    "scones.dispatch_rule": {"scones.contract", "scones.errors"},
    "scones.workflow": {
        "boto3", "botocore",
        "scones.contract", "scones.dispatch_rule", "scones.errors", "scones.items", "scones.aws_errors",
    },
    "scones.model": {
        "torch", "onnx", "onnxruntime", "numpy", "PIL", "httptools", "uvloop",
        "scones.contract", "scones.errors",
    },
    "scones.report": {"jinja2", "markupsafe", "matplotlib", "numpy", "scones.contract"},
    "scones.simulation": {"simpy", "numpy", "scones.contract", "scones.dispatch_rule", "scones.errors"},
    "scones.steps": {
        "boto3", "botocore", "numpy", "PIL", "pyarrow", "rich", "typer",
        "scones.console", "scones.contract", "scones.dispatch_rule", "scones.errors", "scones.extras", "scones.items",
        "scones.progress", "scones.report", "scones.settings", "scones.simulation", "scones.aws_errors",
    },
    "localaws": {
        "ministack", "awslambdaric", "botocore", "boto3", "hypercorn", "psutil", "rich", "simplejson", "typer",
    },
}  # fmt: skip
NEVER_WITH_SERVE = {"torch"}


def modules() -> dict[str, Path]:
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def loaded_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module without what stands below `if TYPE_CHECKING:`, which only type checkers load."""
    yield node
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(node):
            yield from loaded_nodes(child)


def imports(module: str) -> Iterator[str]:
    """Yield what a module imports, as a module of ours or as a distribution's top-level name."""
    path = MODULES[module]
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for node in loaded_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            names = [
                f"{source}.{alias.name}" if f"{source}.{alias.name}" in MODULES else source for alias in node.names
            ]
        else:
            continue
        yield from (name if name in MODULES else name.partition(".")[0] for name in names)


def is_in(module: str, home: str) -> bool:
    return module == home or module.startswith(f"{home}.")


@pytest.mark.parametrize("home", MAY_LOAD)
def test_a_home_loads_only_what_the_table_allows(home: str) -> None:
    allowed = MAY_LOAD[home] | STDLIB | {"scones"}
    for module in (m for m in MODULES if is_in(m, home)):
        for found in imports(module):
            if home == "localaws":
                assert not is_in(found, "scones"), f"{module} loads {found}"
            assert is_in(found, home) or any(is_in(found, a) for a in allowed - {"scones"}) or found == "scones", (
                f"{module} loads {found}"
            )


def reached(*modules: str) -> set[str]:
    """Our modules that these load, themselves included, directly or through one another."""
    found, waiting = set(), list(modules)
    while waiting:
        module = waiting.pop()
        if module in MODULES and module not in found:
            found.add(module)
            waiting.extend(imports(module))
    return found


def test_torch_is_loaded_in_model_train_and_model_training_alone() -> None:
    homes = {module for module in MODULES if is_in(module, "scones") and "torch" in imports(module)}
    assert "scones.model.train" in homes
    assert {m for m in homes if m != "scones.model.train" and not is_in(m, "scones.model.training")} == set()


def test_serving_never_reaches_torch() -> None:
    serving = reached("scones.model.serve")
    assert len(serving) > 3
    for module in serving:
        assert not NEVER_WITH_SERVE & set(imports(module)), f"{module} loads torch"


def test_the_image_copies_all_that_the_model_loads() -> None:
    dockerfile = (SOURCE.parent / "infra" / "image" / "Dockerfile").read_text()
    copied = [word for line in dockerfile.splitlines() if line.startswith("COPY src/") for word in line.split()[1:-1]]
    needed = reached(*(module for module in MODULES if is_in(module, "scones.model")), "scones")
    assert "scones.contract.layout" in needed
    for module in needed:
        path = MODULES[module].relative_to(SOURCE.parent).as_posix()
        assert any(path == source or path.startswith(f"{source.rstrip('/')}/") for source in copied), (
            f"{module}: COPY {path} in infra/image/Dockerfile"
        )


def test_handlers_do_not_load_one_another() -> None:
    handlers = {m for m, path in MODULES.items() if is_in(m, "scones.workflow") and "def handler(" in path.read_text()}
    assert len(handlers) == 7
    for handler in handlers:
        assert not handlers & set(imports(handler))


def test_only_the_laptop_knows_of_localaws() -> None:
    knowing = {m for m, path in MODULES.items() if is_in(m, "scones") and "localaws" in path.read_text()}
    assert knowing <= {"scones.demo", "scones.laptop"}
