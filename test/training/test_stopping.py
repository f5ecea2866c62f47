"""Signals that end a run in an orderly way, wherever the system delivers them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A thread takes the signal, as one may where it came while the process was stopped (Slurm suspends, Ctrl-Z).
WAITING = """
import multiprocessing, signal, threading, time
from training.loop.stopping import ForwardedStop

if __name__ == '__main__':
    child = multiprocessing.get_context('spawn').Process(target=time.sleep, args=(600,))
    child.start()

    def take():
        time.sleep(1.0)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    with ForwardedStop() as stop:
        threading.Thread(target=take).start()
        child.join()
    assert stop.asked and child.exitcode == -signal.SIGTERM
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
"""


def test_a_process_that_waits_for_others_hears_a_signal_that_a_thread_took(tmp_path):
    script = tmp_path / 'waiting.py'
    script.write_text(WAITING)
    environment = os.environ | {'PYTHONPATH': str(ROOT)}
    subprocess.run([sys.executable, str(script)], check=True, timeout=120, env=environment)
