from types import ModuleType

from localaws.persistence import marks


def test_a_changed_item_is_marked_with_its_table_and_key() -> None:
    dynamodb = ModuleType("dynamodb")
    written: list[object] = []
    dynamodb._set_item = lambda table, *rest: written.append(rest)  # type: ignore[attr-defined]
    dynamodb._remove_item = lambda table, *rest: written.append(rest)  # type: ignore[attr-defined]
    marks.watch_items(dynamodb)
    marked = marks.begin()
    table = {"TableArn": "arn:aws:dynamodb:r:1:table/t"}
    dynamodb._set_item(table, "p", "s", {"a": 1})
    dynamodb._remove_item(table, "p", "x")
    assert marked == {(marks.ITEMS, ("1", "r", "t", "p", "s")), (marks.ITEMS, ("1", "r", "t", "p", "x"))}
    assert written == [("p", "s", {"a": 1}), ("p", "x")]
