"""The contracts: what travels between services, and nothing else.

A contract is a pydantic model of one event's data.  Everything here depends on pydantic only, so that a department may
read `schemas` without any of our services.  JSON Schema, AsyncAPI and the topic table are generated from it
(`python -m schemas.generate`); the generated files are what systems in other languages read.
"""
