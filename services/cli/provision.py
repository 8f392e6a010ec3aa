"""`python -m services.cli.provision`: makes the company's topics on the cluster, once, and ends.

It stands apart from `akar up`, which does the same by the way, so that a container platform can run it as a job before
any service starts.  Nothing of the command line's own dependencies is imported: the image of any service that reads the
registry can run it.
"""

from __future__ import annotations

import sys

from pydantic import ValidationError

from services.chassis import logs
from services.chassis.errors import BrokerUnavailable, ConfigurationError
from services.chassis.provision import provision
from services.chassis.settings import AkarSettings, KafkaSettings
from services.registry import RegistryError, load

PATIENCE_SECONDS = 120.0


def main() -> int:
    """Provision; 0 when every topic is as declared, 1 when the cluster did not answer, 2 when settings are wrong."""
    try:
        akar, kafka = AkarSettings(), KafkaSettings()
        logs.configure("provision", log_format=akar.log_format, level=akar.log_level)
        log = logs.get_logger(__name__)
        created = provision(kafka, load(akar.registry).inboxes(), patience_seconds=PATIENCE_SECONDS)
    except BrokerUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (ConfigurationError, RegistryError, ValidationError) as error:
        sys.stderr.write(f"topics cannot be made: {error}\n")
        return 2
    log.info("topics are as declared", created=created)
    return 0


if __name__ == "__main__":
    sys.exit(main())
