"""The command line: brings the pipeline up, plays with it, asks it questions.

It stands apart because it is the only part, with `services.local`, that may see every service.  Hazard: each import at the
top of a module here is paid for by `akar --help`; what is heavy is imported by the command that needs it.
"""
