"""Delivery of assignments to the departments' own systems, durable and signed.

It stands apart from the router because a receiver that is slow, broken or away must never hold up a decision.  Its
hazard is between a request that was sent and the note that it was: whatever happens there, the same message may go out
again under the same id, and never under another.
"""
