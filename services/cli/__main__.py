"""`akar`: runs a command and turns what went wrong into one sentence and an exit code.

Exit codes: 0 done, 1 it did not work now, 2 something has to be changed first, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import sys

from services.chassis.errors import AkarError, ConfigurationError


def main() -> None:
    """Run the command line."""
    from services.cli.app import app

    try:
        app()
    except AkarError as error:
        complain(error)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # `akar topics | head` closes our output; that is no failure of ours.
        sys.stderr.close()
        sys.exit(0)


def complain(error: AkarError) -> None:
    """Say what went wrong, on stderr."""
    print(f"akar: {error.detail or error.code}", file=sys.stderr)


if __name__ == "__main__":
    main()
