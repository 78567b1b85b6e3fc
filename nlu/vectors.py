"""Pretrained static word vectors, read from the files that the wordllama package carries.

The package's own loader looks for its tokenizer in a folder that it does not have, and then for
the network; the two files are all that is needed, so they are read here and nothing is fetched.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nlu.arrays import Floats

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


class StaticVectors:
    """One vector for each piece of a word; a text's vector is the mean over its pieces."""

    def __init__(self, table: Floats, tokenizer: Tokenizer, *, name: str) -> None:
        self._table = table
        self._tokenizer = tokenizer
        self.name = name

    @property
    def dim(self) -> int:
        """The length of a vector."""
        return int(self._table.shape[1])

    def word(self, word: str) -> tuple[Floats, int]:
        """The sum of the vectors of a word's pieces, and how many there are."""
        ids = self._tokenizer.encode(word, add_special_tokens=False).ids
        return self._table[ids].astype(np.float32).sum(axis=0), len(ids)


def load_vectors() -> StaticVectors | None:
    """The packaged vectors, or None where the package (extra `vectors`) is not installed."""
    # find_spec and not an import: importing the package runs its logging set-up.
    spec = find_spec("wordllama")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(spec.submodule_search_locations[0])
    if not (root / _WEIGHTS).is_file() or not (root / _TOKENIZER).is_file():
        return None
    try:
        from safetensors.numpy import load  # noqa: PLC0415 - present with the extra only
        from tokenizers import Tokenizer  # noqa: PLC0415 - present with the extra only
    except ImportError:
        return None
    raw = (root / _WEIGHTS).read_bytes()
    table = load(raw)["embedding.weight"]
    digest = hashlib.sha256(raw[:1_000_000]).hexdigest()[:12]
    tokenizer = Tokenizer.from_file(str(root / _TOKENIZER))
    return StaticVectors(table, tokenizer, name=f"l2_supercat_256@{digest}")
