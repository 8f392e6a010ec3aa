"""Cases with one planted fault each, over three companies, to hold the tracing core against the truth.

It stands apart from the demo's shop (`services.simulator.simulation`) because it is examined, not played: each case brings its
own truth and says whether an honest answer names somebody, waits, asks or leaves it to a person.  It shares no code with the
core, and the core never sees a `Truth`.
"""
