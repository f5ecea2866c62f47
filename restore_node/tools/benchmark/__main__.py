"""`python -m restore_node.tools.benchmark`."""

from restore_node.tools.benchmark.command import main

main()
