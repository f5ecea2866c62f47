"""Where a run's weights come from, as plain values for run.json, checkpoints and model cards."""

import subprocess
from pathlib import Path
from typing import Any

from training.config.run import TrainConfig
from training.data.feed import Feed
from training.runs.checkpoint import Checkpoint
from training.runs.starting_point import StartingPoint


def provenance(
    config: TrainConfig,
    source: str,
    feed: Feed,
    *,
    resumed: Checkpoint | None = None,
    started_from: StartingPoint | None = None,
) -> dict[str, Any]:
    """Describe a run.

    Args:
        config: resolved.
        source: path of its file.
        feed: its data.
        resumed: the checkpoint that it goes on from, of the same run.
        started_from: where it takes its first weights from.

    Returns:
        `name`, `config`, `commit`, `seed`, `data`, `held_out`; `earlier_commits` that a resumed run was
        trained with; `started_from`, the runs that its weights went through before, each with `name`,
        `config`, `commit`, `seed`, `steps` and `data`; both oldest first.
    """
    now = commit()
    earlier_commits: list[str] = []
    before: list[dict[str, Any]] = []
    if resumed:
        earlier = resumed.provenance
        before = earlier.get('started_from', [])
        earlier_commits = earlier['earlier_commits']
        if earlier['commit'] != now:
            earlier_commits = [*earlier_commits, earlier['commit']]
    elif started_from:
        before = started_from.lineage
    return {
        'name': config.name,
        'config': source,
        'commit': now,
        'earlier_commits': earlier_commits,
        'seed': config.seed,
        'data': feed.data,
        'held_out': feed.data_held_out,
        'started_from': before,
    }


def commit() -> str:
    """HEAD of the checkout of this code, `-dirty` if this package differs, `unknown` outside a checkout."""
    try:
        head = _git('rev-parse', 'HEAD')
        return head + ('-dirty' if _git('status', '--porcelain', '--', '.') else '')
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def _git(*arguments: str) -> str:
    command = ['git', *arguments]
    return subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    ).stdout.strip()
