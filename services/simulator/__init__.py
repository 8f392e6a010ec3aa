"""An imaginary Indonesian online shop whose mistakes are planted, so that the truth about each complaint is known.

It stands apart because it is the outside world: demo, oracle and load.  It shares no code with the tracing core, or both
would be wrong together; what it knows of the shop it says again in `shop.py`, and a test holds that to `examples/shop`.
"""
