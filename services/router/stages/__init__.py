"""The router's two stages: a record comes in, rows change, records go out.  No decision is made here.

Both are keyed, so all they need lies in the partition of the record: `evidence` by case, `lifecycle` by complaint.  `base` has
what they share: decoding, dead letters, forwarding, sending.

Hazard: everything written here has to follow from the records alone (no clock, no random id), or a replay would differ.
"""
