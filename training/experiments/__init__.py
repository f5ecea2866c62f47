"""What the paper claims, measured: transfer learning, and its choices one by one."""
