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
from scones.model.serving.json_lines import MAX_REQUEST_DECODE_BYTES, DecodeBudget, Line
from scones.model.serving.predictions import ReceivedImage, decode_bytes, predict

Shape = Callable[..., bytes]


def line(image: bytes, **more: str) -> bytes:
    return json.dumps({"image": base64.b64encode(image).decode(), **more}).encode()


def answer(trained: Path, given: Sequence[bytes]) -> list[dict[str, object]]:
    classifier = Classifier(trained / "model")

    def predict_one(line: Line, budget: DecodeBudget, then: Callable[[Inference | Exception], None]) -> None:
        try:
            image = line.read()
            budget.spend(decode_bytes(classifier, image))
            result: Inference | Exception = predict(classifier, [image])[0]
        except ImageRejectedError as error:
            result = error
        asyncio.get_running_loop().call_soon(then, result)

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


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_lines_end_with_a_newline_or_with_the_body(trained: Path, shape: Shape, end: bytes) -> None:
    good = line(shape("circle", 1))
    assert [len(each) for each in answer(trained, [good, good + end])] == [len(answer(trained, [good])[0])] * 2


def test_lines_larger_than_what_is_read_at_once_keep_their_order(trained: Path, shape: Shape) -> None:
    good = line(shape("circle", 1), id="good")
    long = json.dumps({"image": "A" * 2 * 1024 * 1024, "id": "long"}).encode()
    answers = answer(trained, [good, long, good, long])
    assert [each["id"] for each in answers] == ["good", "long", "good", "long"]
    assert ["error" in each for each in answers] == [False, True, False, True]


def test_decoding_all_images_of_a_request_has_a_limit() -> None:
    budget = DecodeBudget()
    budget.spend(MAX_REQUEST_DECODE_BYTES)
    budget.spend(0)
    with pytest.raises(ImageRejectedError, match="fewer at once"):
        budget.spend(1)
