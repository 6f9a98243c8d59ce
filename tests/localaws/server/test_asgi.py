import asyncio

from localaws.server.asgi import Message, respond


def test_an_answer_is_sent_whole_with_its_length() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(respond(send, 503, {"content-type": "text/plain"}, b"busy"))
    start, body = sent
    assert start["status"] == 503
    assert start["headers"] == [(b"content-type", b"text/plain"), (b"content-length", b"4")]
    assert body == {"type": "http.response.body", "body": b"busy"}
