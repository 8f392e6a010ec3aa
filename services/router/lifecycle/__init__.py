"""The life of a complaint as a pure state machine.

`machine` takes a state and something that happened and gives the next state with the effects to carry out.  It alone numbers
revisions.  It reads no clock and knows no topic; the stage around it (services/router/stages/lifecycle.py) carries effects out.
"""
