"""SmolLM2-135M-Instruct in 32-bit floats: the yardstick of the integer program.

    smollm2_reference.py <model.gguf> tokens     < JSON list of texts
    smollm2_reference.py <model.gguf> score      < JSON list of lists of token ids
    smollm2_reference.py <model.gguf> greedy <N> < JSON list of lists of token ids
    smollm2_reference.py <model.gguf> logits     < JSON list of lists of token ids

Writes one JSON list to standard output, one item for each item of the input:

    tokens   {"ids": ids of the text with special tokens read as such,
              "plain": ids of the text with special tokens read as text,
              "text": the text of `ids`, special tokens left out}
    score    [natural logarithm of the probability of each token but the first]
    greedy   [[id, margin], ...]: at most N steps, ended by an end token; the margin is the distance
             of the two largest logits
    logits   [logits after the last token]

Reader, tokenizer and forward pass are written out here with numpy and the `tokenizers` package. They
share no code with the rest of the repository. The weights are those of the file, dequantised.
"""

import json
import os
import pathlib
import struct
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")

import numpy as np

GGUF_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?"} | {
    10: "Q",
    11: "q",
    12: "d",
}
GGUF_STRING, GGUF_ARRAY = 8, 9
BLOCK = 32
CONTROL = 3


class Gguf:
    """Metadata and dequantised tensors of a GGUF file."""

    def __init__(self, path: pathlib.Path):
        self.file = path.read_bytes()
        self.at = 4
        if self.file[:4] != b"GGUF" or self.scalar("I") != 3:
            sys.exit(f"{path} is no GGUF file of version 3")
        tensors, pairs = self.scalar("Q"), self.scalar("Q")
        self.metadata = {self.string(): self.value(self.scalar("I")) for _ in range(pairs)}
        infos = [self.info() for _ in range(tensors)]
        alignment = self.metadata.get("general.alignment", 32)
        data = -(-self.at // alignment) * alignment
        self.infos = {name: (dims, kind, data + start) for name, dims, kind, start in infos}

    def scalar(self, code: str):
        (value,) = struct.unpack_from("<" + code, self.file, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def string(self) -> str:
        length = self.scalar("Q")
        self.at += length
        return self.file[self.at - length : self.at].decode("utf-8")

    def value(self, kind: int):
        if kind == GGUF_STRING:
            return self.string()
        if kind == GGUF_ARRAY:
            element, length = self.scalar("I"), self.scalar("Q")
            return [self.value(element) for _ in range(length)]
        return self.scalar(GGUF_SCALARS[kind])

    def info(self):
        name = self.string()
        dims = [self.scalar("Q") for _ in range(self.scalar("I"))]
        return name, dims[::-1], self.scalar("I"), self.scalar("Q")

    def tensor(self, name: str) -> np.ndarray:
        dims, kind, start = self.infos[name]
        count = int(np.prod(dims))

        def blocks(fields) -> np.ndarray:
            return np.frombuffer(self.file, np.dtype(fields), count // BLOCK, start)

        if kind == 0:
            flat = np.frombuffer(self.file, "<f4", count, start)
        elif kind == 3:
            part = blocks([("scale", "<f2"), ("least", "<f2"), ("codes", "u1", 16)])
            codes = np.concatenate([part["codes"] & 15, part["codes"] >> 4], axis=1)
            scale, least = part["scale"].astype("f4"), part["least"].astype("f4")
            flat = codes.astype("f4") * scale[:, None] + least[:, None]
        elif kind == 8:
            part = blocks([("scale", "<f2"), ("codes", "i1", BLOCK)])
            flat = part["codes"].astype("f4") * part["scale"].astype("f4")[:, None]
        else:
            sys.exit(f"tensor {name} has type {kind}, which this script does not read")
        return flat.reshape(dims)


class SmolLm2:
    """The forward pass."""

    def __init__(self, gguf: Gguf):
        meta = {key.removeprefix("llama."): value for key, value in gguf.metadata.items()}
        self.layers = meta["block_count"]
        self.heads = meta["attention.head_count"]
        self.key_heads = meta["attention.head_count_kv"]
        self.epsilon = np.float32(meta["attention.layer_norm_rms_epsilon"])
        self.depth = meta["embedding_length"] // self.heads
        self.base = meta["rope.freq_base"]
        self.ends = {meta["tokenizer.ggml.eos_token_id"], 0}
        self.weights = {name: gguf.tensor(name) for name in gguf.infos}

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[name + ".weight"].T

    def rms_norm(self, x: np.ndarray, name: str) -> np.ndarray:
        mean = np.square(x).mean(axis=-1, keepdims=True)
        return x / np.sqrt(mean + self.epsilon) * self.weights[name + ".weight"]

    def rotate(self, x: np.ndarray, past: int) -> np.ndarray:
        """Rotation of neighbouring pairs: the file holds query and key rows in that order."""
        frequencies = self.base ** (-np.arange(0, self.depth, 2) / self.depth)
        angles = (past + np.arange(x.shape[0]))[:, None, None] * frequencies
        cosine, sine = np.cos(angles).astype("f4"), np.sin(angles).astype("f4")
        even, odd = x[..., ::2], x[..., 1::2]
        pairs = [even * cosine - odd * sine, even * sine + odd * cosine]
        return np.stack(pairs, axis=-1).reshape(x.shape)

    def attention(self, x: np.ndarray, layer: int, lengths: list[int], caches: list) -> np.ndarray:
        def heads(part: str, count: int) -> np.ndarray:
            return self.linear(x, f"blk.{layer}.attn_{part}").reshape(-1, count, self.depth)

        parts = [heads("q", self.heads), heads("k", self.key_heads), heads("v", self.key_heads)]
        cuts = np.cumsum(lengths)[:-1]
        rows = zip(caches, *(np.split(part, cuts) for part in parts))
        context = [self.attend(cache, layer, *part) for cache, *part in rows]
        return self.linear(np.concatenate(context), f"blk.{layer}.attn_output")

    def attend(self, cache: dict, layer: int, query, key, value) -> np.ndarray:
        """Attention of the new rows of one text to them and to all before, which `cache` holds."""
        new = query.shape[0]
        past = cache[layer][0].shape[0] if layer in cache else 0
        query, key = self.rotate(query, past), self.rotate(key, past)
        if past:
            key = np.concatenate([cache[layer][0], key])
            value = np.concatenate([cache[layer][1], value])
        cache[layer] = (key, value)
        group = self.heads // self.key_heads
        key = np.repeat(key, group, axis=1).transpose(1, 2, 0)
        value = np.repeat(value, group, axis=1).transpose(1, 0, 2)
        scores = query.transpose(1, 0, 2) @ key / np.float32(np.sqrt(self.depth))
        later = np.arange(past + new)[None, :] > (past + np.arange(new))[:, None]
        scores = np.where(later[None], np.float32(-np.inf), scores)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return (weights @ value).transpose(1, 0, 2).reshape(new, -1)

    def feed_forward(self, x: np.ndarray, layer: int) -> np.ndarray:
        gate = self.linear(x, f"blk.{layer}.ffn_gate")
        up = self.linear(x, f"blk.{layer}.ffn_up")
        return self.linear(gate / (1 + np.exp(-gate)) * up, f"blk.{layer}.ffn_down")

    def forward(self, texts: list[list[int]], caches: list[dict]) -> np.ndarray:
        """What the final norm gives for each new token of texts that go on from their caches."""
        lengths = [len(ids) for ids in texts]
        x = self.weights["token_embd.weight"][np.concatenate(texts)]
        for layer in range(self.layers):
            normal = self.rms_norm(x, f"blk.{layer}.attn_norm")
            x = x + self.attention(normal, layer, lengths, caches)
            x = x + self.feed_forward(self.rms_norm(x, f"blk.{layer}.ffn_norm"), layer)
        return self.rms_norm(x, "output_norm")

    def logits(self, texts: list[list[int]], caches: list[dict]) -> np.ndarray:
        """Logits after each text."""
        last = np.cumsum([len(ids) for ids in texts]) - 1
        return self.linear(self.forward(texts, caches)[last], "token_embd")

    def score(self, ids: list[int]) -> list[float]:
        logits = self.linear(self.forward([ids], [{}])[:-1], "token_embd")
        logits = logits - logits.max(axis=-1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=-1, dtype=np.float64))
        return (logits[np.arange(len(ids) - 1), ids[1:]] - total).tolist()

    def greedy(self, texts: list[list[int]], steps: int) -> list[list[tuple[int, float]]]:
        out = [[] for _ in texts]
        going = [(index, ids, {}) for index, ids in enumerate(texts)]
        for _ in range(steps):
            if not going:
                break
            _, texts, caches = zip(*going)
            next_going = []
            for (index, _, cache), logits in zip(going, self.logits(texts, caches)):
                second, first = np.partition(logits, -2)[-2:]
                best = int(np.argmax(logits))
                out[index].append((best, float(first - second)))
                if best not in self.ends:
                    next_going.append((index, [best], cache))
            going = next_going
        return out


def tokens(gguf: Gguf, texts: list[str]) -> list[dict]:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    words = gguf.metadata["tokenizer.ggml.tokens"]
    kinds = gguf.metadata["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in gguf.metadata["tokenizer.ggml.merges"]]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    # What GGUF calls "smollm".
    digits = pre_tokenizers.Digits(individual_digits=True)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    special = [word for word, kind in zip(words, kinds) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in special])

    def ids(text: str, plain: bool) -> list[int]:
        tokenizer.encode_special_tokens = plain
        return tokenizer.encode(text, add_special_tokens=False).ids

    answers = []
    for text in texts:
        read = ids(text, False)
        answers.append({"ids": read, "plain": ids(text, True), "text": tokenizer.decode(read)})
    return answers


def main(path: pathlib.Path, what: str, steps: int) -> None:
    gguf = Gguf(path)
    request = json.load(sys.stdin.buffer)
    if what == "tokens":
        answer = tokens(gguf, request)
    else:
        model = SmolLm2(gguf)
        answer = {
            "score": lambda: [model.score(ids) for ids in request],
            "greedy": lambda: model.greedy(request, steps),
            "logits": lambda: [model.logits([ids], [{}])[0].tolist() for ids in request],
        }[what]()
    json.dump(answer, sys.stdout)
    print()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
