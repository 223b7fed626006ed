"""Sentence embeddings of MiniLM in 32-bit floats: the yardstick of the integer program.

    float_reference.py --model <folder> [--tokens | --tokens-only] [--batch N] < sentences

`folder` holds `model.safetensors` and `tokenizer.json` as published. One sentence per line on
standard input; one JSON object on standard output:

    {"model": "all-MiniLM-L6-v2", "embeddings": [[384 numbers], ...]}

in the order of the input; with `--tokens` also `"tokens": [[ids], ...]`, with `--tokens-only` only
those. The forward pass is written out here with numpy and shares no code, and no tokenizer, with the
rest of the repository. Sentences are computed together only with others of exactly the same length,
so nothing is ever padded.
"""

import argparse
import json
import math
import os
import pathlib
import sys

# One thread, so that sums are made in the same order every time and small products stay cheap.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

LAYERS = 6
HEADS = 12
WIDTH = 384
MAX_TOKENS = 512
LAYER_NORM_EPSILON = 1e-12


def erf(x: np.ndarray) -> np.ndarray:
    """The error function by its rational approximation with error below 1.5e-7 (in doubles)."""
    a = np.abs(x.astype(np.float64))
    t = 1.0 / (1.0 + 0.3275911 * a)
    polynomial = t * (
        0.254829592
        + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    return np.sign(x) * (1.0 - polynomial * np.exp(-a * a))


def gelu(x: np.ndarray) -> np.ndarray:
    return (x * 0.5 * (1.0 + erf(x / math.sqrt(2.0)))).astype(np.float32)


class MiniLm:
    """The published weights and the forward pass over them."""

    def __init__(self, path: pathlib.Path):
        self.weights = load_file(path)

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        rows = x.reshape(-1, x.shape[-1])
        return (rows @ weight.T + bias).reshape(*x.shape[:-1], weight.shape[0])

    def layer_norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        normal = centred / np.sqrt(variance + np.float32(LAYER_NORM_EPSILON))
        return normal * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attention(self, x: np.ndarray, name: str) -> np.ndarray:
        batch, sequence, _ = x.shape

        def heads(part: str) -> np.ndarray:
            y = self.linear(x, f"{name}.self.{part}")
            return y.reshape(batch, sequence, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(WIDTH // HEADS))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        context = (weights @ value).transpose(0, 2, 1, 3).reshape(batch, sequence, WIDTH)
        return self.linear(context, f"{name}.output.dense")

    def embed(self, ids: np.ndarray) -> np.ndarray:
        """Embeddings of `ids`, [batch, sequence] without padding."""
        tables = {
            part: self.weights[f"embeddings.{part}_embeddings.weight"]
            for part in ("word", "position", "token_type")
        }
        x = tables["word"][ids] + tables["position"][: ids.shape[1]] + tables["token_type"][0]
        x = self.layer_norm(x, "embeddings.LayerNorm")
        for i in range(LAYERS):
            layer = f"encoder.layer.{i}"
            x = self.layer_norm(
                x + self.attention(x, layer + ".attention"), layer + ".attention.output.LayerNorm"
            )
            inner = gelu(self.linear(x, layer + ".intermediate.dense"))
            x = self.layer_norm(
                x + self.linear(inner, layer + ".output.dense"), layer + ".output.LayerNorm"
            )
        pooled = x.mean(axis=1)
        return pooled / np.linalg.norm(pooled, axis=-1, keepdims=True)


def tokenize(path: pathlib.Path, sentences: list[str]) -> list[list[int]]:
    tokenizer = Tokenizer.from_file(str(path))
    # The file asks for 128 tokens exactly; here a sentence is as long as it is.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [tokenizer.encode(sentence).ids for sentence in sentences]


def groups(tokens: list[list[int]], batch: int):
    """Indices of sentences of equal length, at most `batch` at a time."""
    by_length: dict[int, list[int]] = {}
    for index, ids in enumerate(tokens):
        by_length.setdefault(len(ids), []).append(index)
    for length in sorted(by_length):
        members = by_length[length]
        for start in range(0, len(members), batch):
            yield members[start : start + batch]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--tokens", action="store_true")
    parser.add_argument("--tokens-only", action="store_true")
    arguments = parser.parse_args()
    sentences = sys.stdin.buffer.read().decode("utf-8").split("\n")
    if sentences[-1] == "":
        sentences.pop()
    tokens = tokenize(arguments.model / "tokenizer.json", sentences)
    if arguments.tokens_only:
        print(json.dumps({"tokens": tokens}))
        return
    for number, ids in enumerate(tokens, start=1):
        if len(ids) > MAX_TOKENS:
            sys.exit(f"sentence {number} has {len(ids)} tokens; the model takes {MAX_TOKENS}")
    model = MiniLm(arguments.model / "model.safetensors")
    embeddings = np.zeros((len(tokens), WIDTH), dtype=np.float32)
    for members in groups(tokens, arguments.batch):
        embeddings[members] = model.embed(np.array([tokens[i] for i in members]))
    result = {"model": "all-MiniLM-L6-v2", "embeddings": embeddings.tolist()}
    if arguments.tokens:
        result["tokens"] = tokens
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
