"""`python -m restore_node.tools.doctor`."""

from restore_node.tools.doctor.command import main

main()
