"""A local encoder of sentences: read from a folder, used where it is, told of where it is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bot.errors import ConfigError
from bot.model.understanding import Utterance
from nlu.commands import predict, train
from nlu.encoder import load_encoder
from nlu.pipeline import load_model
from nlu.reader import Reader
from tests.unit.nlu_models import SMALL

safetensors = pytest.importorskip("safetensors.numpy", reason="the extra `vectors` is not there")
tokenizers = pytest.importorskip("tokenizers", reason="the extra `vectors` is not there")

WIDTH, INNER, LAYERS, HEADS = 16, 32, 2, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder of random weights that knows single letters."""
    place = tmp_path_factory.mktemp("encoder")
    letters = ["[PAD]", "[UNK]", *"abcdefghijklmnopqrstuvwxyzåäö?"]
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(place / "tokenizer.json"))
    chance = np.random.default_rng(7)

    def drawn(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.3, shape).astype(np.float16)

    weights = {
        "embeddings.word_embeddings.weight": drawn(len(letters), WIDTH),
        "embeddings.position_embeddings.weight": drawn(64, WIDTH),
        "embeddings.token_type_embeddings.weight": drawn(2, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            weights[f"{layer}.attention.{part}.weight"] = drawn(WIDTH, WIDTH)
            weights[f"{layer}.attention.{part}.bias"] = drawn(WIDTH)
        weights[f"{layer}.intermediate.dense.weight"] = drawn(INNER, WIDTH)
        weights[f"{layer}.intermediate.dense.bias"] = drawn(INNER)
        weights[f"{layer}.output.dense.weight"] = drawn(WIDTH, INNER)
        weights[f"{layer}.output.dense.bias"] = drawn(WIDTH)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for norm in norms:
        weights[f"{norm}.weight"] = 1 + drawn(WIDTH)
        weights[f"{norm}.bias"] = drawn(WIDTH)
    named = {f"bert.{name}": array for name, array in weights.items()}
    safetensors.save_file(named, str(place / "model.safetensors"))
    config = {
        "model_type": "bert", "hidden_size": WIDTH, "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS, "max_position_embeddings": 64, "vocab_size": len(letters),
    }  # fmt: skip
    (place / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return place


def test_vectors_have_length_one_and_know_order(folder: Path) -> None:
    vectors = load_encoder(folder).encode(["var", "rav", "var"])
    assert vectors.shape == (3, WIDTH)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[0], vectors[2])
    assert float(vectors[0] @ vectors[1]) < 0.9999


def test_long_and_strange_texts_are_encoded(folder: Path) -> None:
    encoder = load_encoder(folder)
    long = "var är min order " * 500
    assert np.array_equal(encoder.encode([long])[0], encoder.encode([long[:64]])[0])
    assert np.isfinite(encoder.encode(["", "😀", "\n"])).all()


def test_a_model_reads_with_its_encoder(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text(SMALL, encoding="utf-8")
    plain = train(data, tmp_path / "plain")
    report = train(data, tmp_path / "model", encoder=folder)
    assert report.vectors == f"{plain.vectors}+{load_encoder(folder).name}"
    assert report.model != plain.model
    model = load_model(tmp_path / "model")
    assert model.intent.degraded is False
    texts = [Utterance(text="where is my order"), Utterance(text="")]
    found = Reader(model).read(texts)
    assert found[0].intent == "order.status"
    assert found[1].guesses == ()
    lines = [json.loads(line) for line in predict(tmp_path / "model", data)]
    right = [line["intent"] == line["label"] for line in lines if line["label"] != "oos"]
    assert sum(right) == len(right)


def test_a_moved_encoder_is_found_where_it_is_named(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text(SMALL, encoding="utf-8")
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(folder, old)
    train(data, tmp_path / "model", encoder=old)
    old.rename(new)
    assert load_model(tmp_path / "model").intent.degraded is True
    assert load_model(tmp_path / "model", encoder=new).intent.degraded is False
    text = [Utterance(text="track my parcel")]
    assert Reader.load(tmp_path / "model").read(text)[0].intent == "order.status"


def test_a_folder_without_encoder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_encoder(tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "model.safetensors").write_bytes(b"nothing of use")
    with pytest.raises(ConfigError, match="no BERT-like encoder"):
        load_encoder(broken)
    (broken / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="no encoder's settings"):
        load_encoder(broken)
