"""Times onnxruntime on the int8 ONNX file of MiniLM, batch by batch, on request.

    bench_onnx.py --model <model.onnx> --threads N

Reads requests from standard input, one JSON object a line, and answers each with one line before it
reads the next, so that a caller can take turns with what it compares to:

    {"ids": [[101, 2023, ..., 102, -1, -1], ...], "runs": 5}
    {"seconds": [0.031, ...], "median_seconds": 0.031, "embeddings": [[384 numbers], ...],
     "peak_resident_bytes": 150000000}

`ids` is one batch, all rows of the same length, -1 for padding at the end of a row. What is timed is
what it takes to get normalised sentence embeddings out of ids: the session's run, the mean over
tokens and the normalisation. `runs` may be 0 (a warm-up: one run that is not timed; `seconds` is
empty and the median null). The first line of output, before any request, tells what will run:

    {"ready": true, "onnxruntime": "1.31.1", "threads": 1, "providers": ["CPUExecutionProvider"],
     "base_resident_bytes": 60000000}

`base_resident_bytes` is what Python took, its packages included, before the model was loaded.

The program ends with its input.
"""

import argparse
import json
import statistics
import sys
import time

import numpy as np
import onnxruntime


def session(path: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def embed(model: onnxruntime.InferenceSession, ids: np.ndarray) -> np.ndarray:
    mask = (ids >= 0).astype(np.int64)
    inputs = {
        "input_ids": np.where(mask == 1, ids, 0),
        "attention_mask": mask,
        "token_type_ids": np.zeros_like(ids),
    }
    (hidden,) = model.run(None, inputs)
    weights = mask[:, :, None].astype(np.float32)
    pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)


def peak_resident() -> int:
    with open("/proc/self/status", encoding="utf-8") as status:
        lines = [line.split() for line in status if line.startswith("VmHWM:")]
    return int(lines[0][1]) * 1024 if lines else 0


def answer(model: onnxruntime.InferenceSession, request: dict) -> dict:
    ids = np.array(request["ids"], dtype=np.int64)
    if ids.ndim != 2 or ids.size == 0:
        return {"error": "`ids` must be rows of equal length, at least one token each"}
    seconds = []
    embeddings = None
    for _ in range(int(request.get("runs", 1))):
        start = time.perf_counter()
        embeddings = embed(model, ids)
        seconds.append(time.perf_counter() - start)
    if embeddings is None:
        embeddings = embed(model, ids)
    return {
        "seconds": seconds,
        "median_seconds": statistics.median(seconds) if seconds else None,
        "embeddings": embeddings.tolist(),
        "peak_resident_bytes": peak_resident(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    base = peak_resident()
    model = session(arguments.model, arguments.threads)
    ready = {
        "ready": True,
        "onnxruntime": onnxruntime.__version__,
        "threads": arguments.threads,
        "providers": model.get_providers(),
        "base_resident_bytes": base,
    }
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(model, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
