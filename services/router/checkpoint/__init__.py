"""Exactly once, although it is Faust: the checkpoint protocol and the fences around Faust.

Faust keeps membership, assignment and agents.  Its commit, its tables, its producer and its drain loop are not used: state
changes, outputs and consumed offsets are buffered per partition and become one librdkafka transaction per checkpoint; RocksDB
is written only after that transaction has committed.  Nothing outside this package knows Faust's internals or librdkafka.
docs/delivery.md gives the protocol, and what a crash at each step leaves behind.

Hazard: every error in here ends the process (`fatal.die`).  The supervisor starts it again and the protocol makes that safe;
going on after an error would not be.
"""
