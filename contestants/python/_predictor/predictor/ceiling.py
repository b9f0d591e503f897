"""python -m predictor.ceiling FOLDER WARM_UP_S MEASURE_S: what this predictor does with no server.

Decodes and infers the files of FOLDER round after round, one at a time, first to warm up, then to
measure. Prints one JSON object: the images and times of the measured rounds, and the last answers.
"""

import json
import sys
from pathlib import Path
from time import perf_counter_ns, process_time_ns

from .service import Document, Service, load


def main(folder: str, warm_up_s: str, measure_s: str) -> None:
    service = load()
    images = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    go_round(service, images, float(warm_up_s))
    print(json.dumps(go_round(service, images, float(measure_s))))


def go_round(service: Service, images: list[bytes], seconds: float) -> dict[str, object]:
    """As many whole rounds as begin within that time: images differ in what they cost."""
    rounds = decode_ns = infer_ns = 0
    answers: list[Document] = []
    cpu_ns = process_time_ns()
    start_ns = now_ns = perf_counter_ns()
    while now_ns - start_ns < seconds * 1e9:
        rounds += 1
        answers.clear()
        for image in images:
            x = service.to_input(image)
            decoded_ns = perf_counter_ns()
            probabilities = service.infer(x)
            inferred_ns = perf_counter_ns()
            answers.append(service.answer(probabilities))
            decode_ns += decoded_ns - now_ns
            infer_ns += inferred_ns - decoded_ns
            now_ns = perf_counter_ns()
    return {
        "images": rounds * len(images),
        "ns": now_ns - start_ns,
        "cpu_ns": process_time_ns() - cpu_ns,
        "decode_ns": decode_ns,
        "infer_ns": infer_ns,
        "answers": answers,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
