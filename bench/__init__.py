"""Akar beside its peers: the same records, the same broker, the same run.

It stands apart from the product: the product never imports it, and it takes from the product only the embedded broker, the
declaration of the topics and, for peers that are to do the same work, the contract's decoder.  Every contender is a process
of its own, measured from outside in the same way.  Hazard: figures of a shared machine move by a fifth from one run to the
next; a ratio within one run is what may be quoted.
"""
