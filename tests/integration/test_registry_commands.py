"""`akar registry activate` and `history` on the real broker: what was published, what it had learned, and a digest with a slip."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.chassis.errors import ConfigurationError
from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from services.cli.app import app
from services.registry import example_folder, load


def call(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_history_names_what_was_learned_and_a_slip_names_the_nearest(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two editions that differ by what was learned only; then the first again, by its digest with and without a slip."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker)
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", topic_prefix)
    folder = tmp_path / "company"
    shutil.copytree(example_folder("shop"), folder)
    kafka = KafkaSettings(bootstrap_servers=broker, topic_prefix=topic_prefix)
    provision(kafka, load(folder).inboxes())
    first = load(folder).digest
    call("registry", "activate", str(folder))
    learned = folder / "learned" / "learned.toml"
    text = learned.read_text(encoding="utf-8")
    learned.write_text(
        text.replace('version = "initial-3"', 'version = "autumn-1"'), encoding="utf-8"
    )
    second = load(folder).digest
    call("registry", "activate", str(folder))

    slip = first[:7] + ("0" if first[7] != "0" else "1") + first[8:12]
    for words in (("registry", "activate", slip), ("registry", "check", slip)):
        with pytest.raises(ConfigurationError) as caught:
            call(*words)
        said = caught.value.detail
        assert f"{slip} looks like a digest, but nothing of that name was published" in said
        assert f"Nearest: {first[:12]} (shop, " in said
    with pytest.raises(ConfigurationError, match=f"is the digest of {second[:12]}"):
        call("backtest", "--candidate", second[:12], "--topics")

    shown = call("registry", "history").splitlines()
    assert [line.split()[0] for line in shown] == [first[:12], second[:12]]
    assert "learned: initial-3" in shown[0]
    assert "active" not in shown[0]
    assert "learned: autumn-1  active in partition 0, " in shown[1]

    call("registry", "activate", first[:12])
    found = json.loads(call("registry", "history", "--json"))
    assert set(found["active"].values()) == {first}
    assert [one["learned"] for one in found["published"]] == [
        {"learned": "initial-3"},
        {"learned": "autumn-1"},
    ]
