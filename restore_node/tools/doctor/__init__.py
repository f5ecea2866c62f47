"""The command `doctor`: what works on this machine, what does not, and how to mend it.

`findings.py` says what a finding is, `child.py` asks in processes of their own, `probes.py` is what runs in
them, `checks.py` and `gpu_checks.py` turn answers into findings, `examination.py` goes through them in order,
and `__main__.py` is the command.
"""
