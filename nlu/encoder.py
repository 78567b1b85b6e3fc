"""Sentence vectors by a local encoder: a folder with a BERT-like model, computed in numpy.

The folder holds what such models are published with: `config.json`, `model.safetensors` and
`tokenizer.json`. Nothing is fetched. Devlin et al. (2019), BERT; the mean over all tokens, of
length one, is the vector of the text, as sentence-transformers do it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import ConfigError
from nlu.arrays import Floats, softmax

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CONFIG, _WEIGHTS, _TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
_MOST_TOKENS = 256
# These count positions from behind the padding's number.
_SHIFTED = {"roberta", "xlm-roberta", "camembert"}
# The error function by Abramowitz & Stegun 7.1.26, right to seven digits.
_RATE = 0.3275911
_ERF = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


class _Shape(BaseModel):
    """What is needed of `config.json`; all the rest is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model_type: str
    hidden_size: int
    num_attention_heads: int
    num_hidden_layers: int
    max_position_embeddings: int
    layer_norm_eps: float = 1e-12
    hidden_act: str = "gelu"
    pad_token_id: int = 0


class Encoder:
    """Turns texts into vectors; `name` says which weights it has."""

    def __init__(
        self, shape: _Shape, weights: Mapping[str, Floats], tokenizer: Tokenizer, *, name: str
    ) -> None:
        self.name = name
        self._shape = shape
        self._weights = weights
        self._tokenizer = tokenizer
        self._first = shape.pad_token_id + 1 if shape.model_type in _SHIFTED else 0
        most = min(_MOST_TOKENS, shape.max_position_embeddings - self._first)
        tokenizer.no_padding()
        tokenizer.enable_truncation(most)

    def encode(self, texts: Sequence[str]) -> Floats:
        """The vectors of texts, of length one, shape (n, d)."""
        return np.stack([self._encode(text) for text in texts])

    def _encode(self, text: str) -> Floats:
        ids = self._tokenizer.encode(text).ids
        if not ids:
            return np.zeros(self._shape.hidden_size, dtype=np.float32)
        weights = self._weights
        rows = weights["embeddings.word_embeddings.weight"][ids]
        places = np.arange(self._first, self._first + len(ids))
        rows = rows + weights["embeddings.position_embeddings.weight"][places]
        rows = rows + weights["embeddings.token_type_embeddings.weight"][0]
        rows = self._norm(rows, "embeddings.LayerNorm")
        for number in range(self._shape.num_hidden_layers):
            layer = f"encoder.layer.{number}"
            seen = self._attention(rows, f"{layer}.attention")
            rows = self._norm(rows + seen, f"{layer}.attention.output.LayerNorm")
            inner = _gelu(self._linear(rows, f"{layer}.intermediate.dense"))
            inner = self._linear(inner, f"{layer}.output.dense")
            rows = self._norm(rows + inner, f"{layer}.output.LayerNorm")
        mean = rows.mean(axis=0)
        unit: Floats = mean / np.float32(max(float(np.sqrt(mean @ mean)), 1e-9))
        return unit

    def _attention(self, rows: Floats, name: str) -> Floats:
        heads = self._shape.num_attention_heads
        size = len(rows)

        def split(part: str) -> Floats:
            return self._linear(rows, f"{name}.self.{part}").reshape(size, heads, -1).swapaxes(0, 1)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.swapaxes(1, 2) / np.float32(query.shape[2] ** 0.5)
        shares = softmax(scores.reshape(heads * size, size)).reshape(heads, size, size)
        seen = (shares @ value).swapaxes(0, 1).reshape(size, -1)
        return self._linear(seen, f"{name}.output.dense")

    def _linear(self, rows: Floats, name: str) -> Floats:
        return rows @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, rows: Floats, name: str) -> Floats:
        centred = rows - rows.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self._shape.layer_norm_eps)
        normal = centred / spread.astype(np.float32)
        scaled: Floats = normal * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return scaled


def _gelu(rows: Floats) -> Floats:
    size: Floats = np.abs(rows) * np.float32(0.5**0.5)
    part = (1 + np.float32(_RATE) * size) ** np.float32(-1)
    total: Floats = np.zeros_like(rows)
    for factor in _ERF:
        total = (total + np.float32(factor)) * part
    error: Floats = np.sign(rows) * (1 - total * np.exp(-size * size))
    curved: Floats = rows * (1 + error) * np.float32(0.5)
    return curved


def load_encoder(folder: Path) -> Encoder:
    """The encoder of a folder; raises ConfigError when it cannot be used."""
    try:
        from safetensors.numpy import load  # noqa: PLC0415 - present with the extra only
        from tokenizers import Tokenizer  # noqa: PLC0415 - present with the extra only
    except ImportError as wrong:
        mend = "Install the extra `vectors`, or name no encoder."
        raise ConfigError("an encoder needs safetensors", where=str(folder), mend=mend) from wrong
    mend = f"The folder must hold {_CONFIG}, {_WEIGHTS} and {_TOKENIZER} of a BERT-like model."
    try:
        shape = _Shape.model_validate_json((folder / _CONFIG).read_bytes())
        raw = (folder / _WEIGHTS).read_bytes()
        weights = {_bare(name): _float(array) for name, array in load(raw).items()}
        tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        encoder = Encoder(shape, weights, tokenizer, name=hashlib.sha256(raw).hexdigest()[:12])
        encoder.encode(["hej"])
    except OSError as wrong:
        problem = wrong.strerror or "cannot be read"
        raise ConfigError(problem, where=str(wrong.filename or folder), mend=mend) from wrong
    except ValidationError as wrong:
        raise ConfigError(
            "no encoder's settings", where=str(folder / _CONFIG), mend=mend
        ) from wrong
    except Exception as wrong:  # the libraries raise Exception itself for a damaged file
        raise ConfigError("no BERT-like encoder", where=str(folder), mend=mend) from wrong
    return encoder


def _bare(name: str) -> str:
    """A weight's name without the model's, which some files put before it."""
    return (
        name.partition(".")[2]
        if name.split(".", maxsplit=1)[0] in {"bert", "roberta", "model"}
        else name
    )


def _float(array: Floats) -> Floats:
    return array.astype(np.float32)
