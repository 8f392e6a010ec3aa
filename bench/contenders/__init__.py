"""Programs that are measured, each a process of its own: `python -m bench.contenders.NAME` with its settings in BENCH_*."""
