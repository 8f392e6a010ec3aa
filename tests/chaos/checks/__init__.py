"""One room for each group of promises; tests/chaos/invariants.py has the list."""
