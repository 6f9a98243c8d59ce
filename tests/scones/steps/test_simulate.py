"""Evenings with an evaluation as `evaluate` writes it, at a small scale; the command itself as a program."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from scones.cli.terminal import print_rows
from scones.dispatch_rule import Rules
from scones.errors import DataError, NotReleasedError
from scones.progress import Progress
from scones.steps.simulate import LOADS, draw, newest_evaluation, read_evaluation, simulate, summary

CLASSES = ["bicycle", "motorcycle"]


def evaluation() -> Any:
    """Of ten pictures of each class, the gate lets seven pass, one of them wrongly."""
    shares = [0.99] * 6 + [0.04, 0.8, 0.6, 0.4]
    return {
        "classes": CLASSES,
        "model": "0.1.0+test",
        "predictions": [
            {
                "key": f"{truth}/{n}.png",
                "truth": truth,
                "predicted": truth,
                "probabilities": [share, 1 - share] if truth == "bicycle" else [1 - share, share],
                "decision": "accept" if n < 7 else "review",
            }
            for truth in CLASSES
            for n, share in enumerate(shares)
        ],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(evaluation()))
    return path


class Heard(Progress):
    def __init__(self) -> None:
        self.done: list[tuple[int, int | None]] = []

    def update(self, done: int, total: int | None = None, detail: str = "") -> None:
        self.done.append((done, total))


def test_a_simulation_compares_four_policies_and_says_how_far_it_is() -> None:
    heard = Heard()
    found = simulate(evaluation(), Rules(), evenings=4, seed=3, progress=heard)
    assert list(found["policies"]) == ["first come first served", "hard threshold", "ours", "oracle"]
    assert [load["times"] for load in found["loads"]] == list(LOADS)
    assert [load["in_use"] for load in found["loads"]] == sorted(load["in_use"] for load in found["loads"])
    assert heard.done == [(n, 14) for n in range(1, 15)]
    assert json.loads(json.dumps(found)) == found


def test_a_person_reads_every_measure_of_every_policy() -> None:
    found = simulate(evaluation(), Rules(), evenings=2, seed=0, progress=Progress())
    rows = {row["mean per evening"]: row for row in summary(found)}
    assert rows["late minutes"].keys() == {"mean per evening", *found["policies"]}
    assert rows["late minutes more than ours"].keys() == {"mean per evening", *found["saved"]}
    assert "ours" in rows["late minutes, times the oracle's"]


def test_the_picture_is_a_file_of_its_own_that_names_the_policies(tmp_path: Path) -> None:
    found = simulate(evaluation(), Rules(), evenings=2, seed=0, progress=Progress())
    picture = draw(found, tmp_path / "made" / "evenings.svg")
    text = "".join(ElementTree.parse(picture).getroot().itertext())  # noqa: S314 - we have just written it
    assert all(name in text for name in found["policies"])
    assert "--accent: #" in text


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"classes": []}'])
def test_a_file_that_is_no_evaluation_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"other\.json is not an evaluation\.json"):
        read_evaluation(path)


def test_the_output_of_evaluate_as_json_is_an_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([evaluation()], (), as_json=True)
    printed = tmp_path / "ev.json"
    printed.write_text(capsys.readouterr().out)
    assert read_evaluation(printed) == evaluation()
    done = scones(tmp_path, "--evaluation", str(printed), "--evenings", "3", "--json")
    assert (done.returncode, json.loads(done.stdout)[0]["model"]) == (0, "0.1.0+test")


def test_without_a_file_it_is_the_newest_release_s_evaluation(s3: Any, bucket: str, releases: Any) -> None:
    s3.put_object(Bucket=bucket, Key="evaluations/scones-1/evaluation.json", Body=json.dumps(evaluation()))
    assert newest_evaluation("m", bucket, stepfunctions=releases("scones-1"), s3=s3) == evaluation()
    with pytest.raises(NotReleasedError, match="evaluation of release scones-2 is gone"):
        newest_evaluation("m", bucket, stepfunctions=releases("scones-2"), s3=s3)


def test_the_command_prints_json_and_writes_the_picture(file: Path, tmp_path: Path) -> None:
    done = scones(tmp_path, "--evaluation", str(file), "--evenings", "3", "--out", "p.svg", "--json")
    (found,) = json.loads(done.stdout)
    assert (found["evenings"], found["seed"], found["model"]) == (3, 0, "0.1.0+test")
    assert (tmp_path / "p.svg").read_text().startswith("<svg xmlns=")


def test_a_picture_that_is_no_svg_is_a_usage_error(file: Path, tmp_path: Path) -> None:
    done = scones(tmp_path, "--evaluation", str(file), "--out", "p.png")
    assert done.returncode == 2
    assert "must end in .svg" in done.stderr


def scones(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from scones.cli import main; main()", "simulate", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)
