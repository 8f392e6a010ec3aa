"""`python -m services.intake`: settings from the environment, then serve until told to stop."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from services.chassis import logs
from services.chassis.errors import ConfigurationError
from services.chassis.memory import few_arenas
from services.chassis.settings import AkarSettings, KafkaSettings
from services.intake.app import create
from services.intake.server import IntakeServer
from services.intake.settings import IntakeSettings


def main() -> int:
    """Serve; 0 after a signal, 2 when the settings cannot be used, another code when it could not go on."""
    few_arenas()
    try:
        settings, akar, kafka = IntakeSettings(), AkarSettings(), KafkaSettings()
        logs.configure("intake", log_format=akar.log_format, level=akar.log_level)
        server = IntakeServer(settings)
        app = create(settings, akar, kafka, on_failure=server.stop_failed)
    except (ConfigurationError, ValidationError) as error:
        sys.stderr.write(f"intake cannot start: {error}\n")
        return 2
    logs.get_logger(__name__).info("intake starts", **settings.describe(), kafka=kafka.describe())
    return server.serve_app(app)


if __name__ == "__main__":
    sys.exit(main())
