"""Kafka Streams, the reference for exactly-once stream processing, as a contender: jars, compiler, program."""
