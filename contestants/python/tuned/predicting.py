"""The predictor's service as both servers have it: what waits is inferred in one batch."""

from batches import Batcher, ToBatch, most_at_once
from images import open_image

from predictor.image import Batch, Pixels, Values
from predictor.model import read_model
from predictor.service import Document, load
from predictor.settings import Stage

service = load()
settings = service.settings
model = read_model(settings.model_dir).input


def predict_batch(x: Batch) -> list[Document]:
    return service.answers(service.infer_batch(x))


most = most_at_once(service.infer_batch, service.to_input(service.test_image))
batcher = Batcher(ToBatch(model), predict_batch, most)


def opened(image: bytes) -> Pixels | Values | None:
    """An image for the batcher; None where there is nothing to infer, by the stage or no bytes."""
    if settings.stage is not Stage.FULL or not image:
        return None
    return open_image(image, model)
