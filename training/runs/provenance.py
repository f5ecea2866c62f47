"""Where a run's weights come from, as plain values for run.json, checkpoints and model cards."""

import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from training.config.run import TrainConfig
from training.data.contents import digest_of
from training.data.feed import Feed
from training.runs.checkpoint import Checkpoint
from training.runs.starting_point import StartingPoint, of_checkpoint

DISTRIBUTION = 'restore-train'
"""Name of the installed trainer, see training/pyproject.toml."""


def provenance(
    config: TrainConfig,
    source: str,
    feed: Feed,
    files: Sequence[str],
    *,
    resumed: Checkpoint | None = None,
    started_from: StartingPoint | None = None,
) -> dict[str, Any]:
    """Describe a run: its configuration's file, its images as `feed.files()` lists them, and its past.

    That is the checkpoint of the same run that it goes on from, or where it takes its first weights from.
    Returns `name`, `config`, `commit`, `seed`, `data`, `held_out`, `images_sha256` of the list of all images;
    `earlier_commits` and `earlier_images` that a resumed run was trained with; `started_from`, the runs that
    its weights went through before, each with `name`, `config`, `commit`, `seed`, `steps` and `data`;
    `taught_by`, the runs of its teacher, likewise; all of them oldest first.
    """
    now, images, teacher = commit(), digest_of(files), config.loss.teacher
    earlier = (
        resumed.provenance if resumed else {'started_from': started_from.lineage if started_from else []}
    )
    earlier_commits, earlier_images = earlier.get('earlier_commits', []), earlier.get('earlier_images', [])
    if (was := earlier.get('commit')) not in (None, now):
        earlier_commits = [*earlier_commits, was]
    if resumed and (was := earlier.get('images_sha256')) not in (None, images):
        earlier_images = [*earlier_images, {'images_sha256': was, 'until_step': resumed.step}]
    return {
        'name': config.name,
        'config': source,
        'commit': now,
        'earlier_commits': earlier_commits,
        'seed': config.seed,
        'data': feed.data,
        'held_out': feed.data_held_out,
        'images_sha256': images,
        'earlier_images': earlier_images,
        'started_from': earlier.get('started_from', []),
        'taught_by': of_checkpoint(Path(teacher.checkpoint)).lineage if teacher else [],
    }


def commit() -> str:
    """HEAD of the checkout of this code, `-dirty` if this package differs; or the installed version."""
    try:
        # What is installed may lie inside a repository that has nothing to do with it.
        _git('ls-files', '--error-unmatch', Path(__file__).name)
        head = _git('rev-parse', 'HEAD')
        return head + ('-dirty' if _git('status', '--porcelain', '--', '.') else '')
    except (OSError, subprocess.CalledProcessError):
        pass
    try:
        return f'{DISTRIBUTION} {metadata.version(DISTRIBUTION)}'
    except metadata.PackageNotFoundError:
        return 'unknown'


def _git(*arguments: str) -> str:
    command = ['git', *arguments]
    return subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    ).stdout.strip()
