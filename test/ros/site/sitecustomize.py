"""Loaded by a node's Python before anything else: while a file exists, ONNX Runtime's calls do not come back.

A call that hangs is what the timekeeper is for, and no real model hangs when told to. A slow one will not do:
how slow it is depends on the machine.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import time

FILE = os.environ['RESTORE_NODE_TEST_HANG']


class _Finder(importlib.abc.MetaPathFinder):
    """Lets ONNX Runtime be imported as it is, then wraps its `run`."""

    def find_spec(self, name, path=None, target=None):
        if name != 'onnxruntime':
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            run = module.InferenceSession.run

            def run_or_hang(session, *arguments, **options):
                while os.path.exists(FILE):
                    time.sleep(0.01)
                return run(session, *arguments, **options)

            module.InferenceSession.run = run_or_hang

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Finder())
