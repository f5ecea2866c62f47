"""`python -m restore_node.tools.replay_test`."""

from restore_node.tools.replay_test.command import main

main()
