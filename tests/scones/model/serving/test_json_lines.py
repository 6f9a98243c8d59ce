import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.delivery import Inference
from scones.errors import ImageRejectedError
from scones.model.inference.classifier import Classifier
from scones.model.serving import json_lines
from scones.model.serving.predictions import ReceivedImage, predict

Shape = Callable[..., bytes]


def line(image: bytes, **more: str) -> bytes:
    return json.dumps({"image": base64.b64encode(image).decode(), **more}).encode()


def answer(trained: Path, given: Sequence[bytes]) -> list[dict[str, object]]:
    classifier = Classifier(trained / "model")

    def predict_one(image: ReceivedImage, then: Callable[[Inference | Exception], None]) -> None:
        asyncio.get_running_loop().call_soon(then, predict(classifier, [image])[0])

    answered = asyncio.run(json_lines.answer(b"\n".join(given), predict_one))
    return [json.loads(each) for each in answered.splitlines()]


def test_each_line_gets_the_full_answer_in_order(trained: Path, shape: Shape) -> None:
    images = [shape("circle", seed) for seed in range(100)]
    answers = answer(trained, [line(image, id=str(seed)) for seed, image in enumerate(images)])
    expected = predict(Classifier(trained / "model"), [ReceivedImage(image) for image in images])
    assert [each["id"] for each in answers] == [str(seed) for seed in range(100)]
    for each, one in zip(answers, expected, strict=True):
        assert not isinstance(one, ImageRejectedError)
        assert each["probabilities"] == pytest.approx(one["probabilities"], abs=1e-6)
        assert set(each) == {"id", *one}


def test_a_bad_line_affects_no_other(trained: Path, shape: Shape) -> None:
    good = line(shape("circle", 1))
    answers = answer(trained, [good, b"{", line(b"not an image", id="x"), b"", b'{"image": "?"}', good])
    assert ["error" in each for each in answers] == [False, True, True, True, True, False]
    assert answers[2]["id"] == "x"
    assert {each.get("error") for each in answers[1:5]} == {"ImageRejectedError"}
    assert answers[0] == answers[5]


def test_too_many_lines_are_refused_before_one_is_read(trained: Path) -> None:
    with pytest.raises(ImageRejectedError, match="lines"):
        answer(trained, [b""] * (json_lines.MAX_LINES + 2))


@given(st.binary() | st.recursive(st.none() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(json.dumps))
def test_any_line_is_an_image_or_rejected(given: str | bytes) -> None:
    try:
        name, image = json_lines.parse(given if isinstance(given, bytes) else given.encode())
    except ImageRejectedError:
        return
    assert isinstance(name, str)
    assert isinstance(image, bytes)


@given(image=st.binary(), name=st.text(max_size=json_lines.MAX_ID_CHARACTERS))
def test_a_line_is_parsed_to_its_id_and_image(image: bytes, name: str) -> None:
    assert json_lines.parse(line(image, id=name)) == (name, image)
