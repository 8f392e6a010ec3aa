"""The start: settings that cannot be used end it with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.intake.__main__ import main


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"AKAR_CUSTOMER_SALT": ""}, "AKAR_CUSTOMER_SALT"),
        ({"AKAR_CUSTOMER_SALT": "geheim"}, "16 characters"),
        ({"INTAKE_CHANNELS_FILE": "/nowhere/channels.toml"}, "/nowhere/channels.toml"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_MECHANISM"),
        ({"INTAKE_MAX_REQUESTS": "0"}, "max_requests"),
    ],
)
def test_unusable_settings_end_the_start(
    environment: dict[str, str],
    told: str,
    channels_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2 and a sentence that names the variable; no secret is shown, and nothing fails later."""
    monkeypatch.setenv("AKAR_CUSTOMER_SALT", "sixteen bytes of salt")
    monkeypatch.setenv("INTAKE_CHANNELS_FILE", str(channels_file))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main() == 2
    written = capsys.readouterr().err
    assert told in written
    assert "geheim" not in written
    assert "Traceback" not in written
