"""A service as somebody would write it in FastAPI, for ``servemark attack``; run by Uvicorn."""

import hashlib
from typing import Annotated

from fastapi import FastAPI, File, Form, UploadFile
from pydantic import BaseModel

app = FastAPI(title="Cats and dogs")


class Label(BaseModel):
    name: str
    score: float


class Answer(BaseModel):
    best: Label
    version: int = 3


class Row(BaseModel):
    values: Annotated[list[float], "four of them"]
    scale: float | None = None

    model_config = {"json_schema_extra": {"examples": [{"values": [1, 2, 3, 4]}]}}


@app.get("/ready")
async def ready() -> dict[str, str]:
    return {"state": "ready"}


@app.post("/rows")
async def of_row(row: Row) -> Answer:
    return Answer(best=Label(name="row", score=sum(row.values) * (row.scale or 1)))


@app.post("/classify", summary="What is in the picture")
async def classify(
    photo: Annotated[UploadFile, File()],
    language: Annotated[str, Form(examples=["en"])],
) -> Answer:
    digest = hashlib.sha256(await photo.read()).digest()
    label = {"en": ("cat", "dog")}[language][digest[0] % 2]
    return Answer(best=Label(name=label, score=digest[1] / 255))
