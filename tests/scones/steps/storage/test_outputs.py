"""Where a command cannot write is said before its work, with the path, the reason and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scones.errors import UsageError
from scones.steps.storage.outputs import require_file, require_folder


def test_a_place_that_exists_or_can_be_made_is_fine(tmp_path: Path) -> None:
    (tmp_path / "old.svg").touch()
    require_file(tmp_path / "old.svg")
    require_file(tmp_path / "runs" / "today" / "new.svg")
    require_folder(tmp_path / "runs" / "today")
    assert [path.name for path in tmp_path.iterdir()] == ["old.svg"]


def test_a_file_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"^{tmp_path} cannot be written: it is a folder; name a file"):
        require_file(tmp_path)


@pytest.mark.parametrize("check", [require_file, require_folder])
def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path, check: object) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=rf"cannot be written: {tmp_path / 'file'} is not a folder; name another"):
        check(tmp_path / "file" / "new" / "x.svg")  # type: ignore[operator]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="permission denied"):
        require_file(tmp_path / "closed" / "x.svg")
