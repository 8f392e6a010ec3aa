"""What became of each complaint, for people and for programs: a read model, its API and its pages.

It stands apart because it only reads: whatever breaks here, complaints go on being routed.  Its hazard is to be taken for
the truth; it is a copy that lags a little and can be thrown away, and it says how far it has read.
"""
