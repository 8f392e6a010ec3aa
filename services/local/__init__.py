"""The pipeline on one machine: Apache Kafka as a child process, and the supervisor of all processes.

It stands apart because nothing here runs in production clusters: there `KAFKA_BOOTSTRAP_SERVERS` names a real cluster and
the platform restarts what ends.
"""
