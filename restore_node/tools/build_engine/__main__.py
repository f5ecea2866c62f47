"""`python -m restore_node.tools.build_engine`."""

from restore_node.tools.build_engine.command import main

main()
