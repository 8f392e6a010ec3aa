"""What every service stands on: settings, logs, time, ids, errors, health, and the one door to kafka-python.

It stands apart so that these are decided once.  It may import `schemas` and nothing of the services; the hazard of such
a place is that it becomes a drawer for anything, so a module comes here only when two services need it.
"""
