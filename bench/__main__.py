"""See `bench.run`."""

from bench.run import main

main()
