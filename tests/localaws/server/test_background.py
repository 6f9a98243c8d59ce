from pathlib import Path

from localaws.server import background


def test_a_folder_without_a_server_has_none(tmp_path: Path) -> None:
    assert background.find(tmp_path) is None


def test_a_server_json_without_a_held_lock_is_not_a_running_server(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "server.json").write_text('{"pid": 1, "port": 1, "url": "http://x", "started_at": "2026-01-01"}')
    assert background.find(tmp_path) is None
