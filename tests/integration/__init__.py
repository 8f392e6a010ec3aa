"""Tests on real brokers, databases and processes; a package, so that its brokers end with its last test."""
