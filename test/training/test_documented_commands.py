"""Every command that the documents name starts, and knows the options that they give it."""

import importlib
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
TEXT = '\n'.join(path.read_text(encoding='utf-8') for path in DOCUMENTS).replace('\\\n', ' ')
SCRIPTS = dict(re.findall(r"'(\w+) = (restore_node\.tools\.[\w.]+):main'", (ROOT / 'setup.py').read_text()))


def documented():
    """Module and arguments of each command of a document; what needs ROS 2 is tested over DDS."""
    modules = r'python -m ((?:training\.commands|restore_node\.tools)\.[a-z_]+)([^`\n#;|]*)'
    yield from re.findall(modules, TEXT)
    for script, arguments in re.findall(r'ros2 run restore_node (\w+)([^`\n#;|]*)', TEXT):
        if script in SCRIPTS:
            yield SCRIPTS[script].removesuffix('.__main__'), arguments


@pytest.mark.parametrize('module', sorted({module for module, _ in documented()}))
def test_it_starts_and_knows_its_options(module, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [module, '--help'])
    found = importlib.import_module(module)
    if hasattr(found, '__path__'):
        found = importlib.import_module(f'{module}.__main__')
    with pytest.raises(SystemExit) as ended:
        found.main()
    assert ended.value.code in (0, None)
    known = set(re.findall(r'--[a-z][a-z-]+', capsys.readouterr().out))
    given = {
        option
        for name, arguments in documented()
        if name == module
        for option in re.findall(r'(?<=\s)--[a-z][a-z-]+', arguments)
    }
    assert given <= known


def test_targets_of_make_are_there():
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    # In code only: prose makes other things.
    given = set(re.findall(r'(?:`|^)make ([a-z-]+)', TEXT, re.MULTILINE))
    assert {'demo', 'test'} <= given
    assert given <= targets


def test_tensorboard_serves_the_runs(tmp_path):
    command = re.search(r'`(tensorboard --logdir) runs`', TEXT)[1].split()
    process = subprocess.Popen(
        [sys.executable, '-m', f'{command[0]}.main', *command[1:], str(tmp_path), '--port', '0'],
        stderr=subprocess.PIPE,
        text=True,
    )
    hung = threading.Timer(300.0, process.kill)
    hung.start()
    try:
        said = []
        while 'http://' not in (line := process.stderr.readline()):
            said.append(line)
            assert line, ''.join(said)
    finally:
        hung.cancel()
        process.kill()
        process.wait()
        process.stderr.close()
