import bentoml
from answer import Model
from PIL.Image import Image


@bentoml.service(workers=2)
class Service:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api(route="/invocations")
    def invocations(self, image: Image, /) -> list[float]:
        return self.model.answer(image)
