"""`replay_test BAG OUT`: play a bag through the real node, then report what became of every frame of it.

Exit code 0 when every frame is accounted for and, where the truth is known, restored frames are better than
degraded ones; 1 when not, after the report is written; 2 for what the user can mend.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console
from rich.table import Table

from restore_node.common.atomic import Unfinished, writing
from restore_node.common.console import progress_bar
from restore_node.common.errors import ConfigError, InputError
from restore_node.tools.cli import run_command
from restore_node.tools.replay_test.accounting import make_report, total_of
from restore_node.tools.replay_test.launching import run_replay
from restore_node.tools.replay_test.page import page
from restore_node.tools.replay_test.pictures import before_after
from restore_node.tools.replay_test.records import Drive, open_drive, read_replay
from restore_node.tools.replay_test.scoring import choose_examples, load_examples, score_frames, stamps_in
from restore_node.tools.replay_test.timeline import timeline

RECORDS = ('restored', 'journal.jsonl', 'player.json', 'replay.log')
REPORTS = ('report.json', 'report.html', 'before_after.png')


def replay_and_report(drive: Drive, output: Path, model: str, rate: float) -> dict[str, Any]:
    """Play the drive, write the report into `output`, and return the content of `report.json`.

    Raises:
        RestoreError: the replay failed, or something cannot be read or written.
    """
    _clear(output)
    restored = output / 'restored'
    with progress_bar() as progress:
        playing = progress.add_task('replay', total=drive.frames)
        run_replay(drive, output, model, rate, lambda frames: progress.update(playing, completed=frames))
        progress.update(playing, completed=drive.frames)
        replay = read_replay(output)
        recorded = stamps_in(restored, drive.restored_topic)
        found = score_frames(drive, restored) if drive.truth else ()
        scores = dict(progress.track(found, total=len(recorded), description='score'))
    examples = load_examples(
        drive, restored, choose_examples(drive, replay.journal, recorded, scores), scores
    )
    size = examples[0].restored.shape[1::-1] if examples else None
    report = {
        'source': drive.source,
        'rate': rate,
        **make_report(replay, recorded, scores, drive.segments, size),
    }
    _write(output / 'report.html', page(report, examples, timeline(drive, replay, scores)).encode())
    if examples:
        _write(output / 'before_after.png', before_after(examples))
    _write(output / 'report.json', (json.dumps(report, indent=2) + '\n').encode())
    return report


def _clear(output: Path) -> None:
    """Make room for a new replay; touches nothing that an earlier one did not make."""
    # A replay that failed has left its log, if nothing else.
    made_here = any((output / name).exists() for name in ('journal.jsonl', 'replay.log'))
    if (output / 'restored').exists() and not made_here:
        raise InputError(
            f'{output / "restored"} exists and is not of a replay', fix='choose another output folder'
        )
    with writing(f'into {output}'):
        output.mkdir(parents=True, exist_ok=True)
        for path in (output / name for name in RECORDS + REPORTS):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    with Unfinished(path) as unfinished:
        unfinished.write_bytes(data)


def show(report: dict[str, Any], page_file: Path) -> None:
    """Print a short table, what is wrong, and where the rest is."""
    console = Console()
    table = Table(box=None, pad_edge=False, header_style='dim')
    for title in ('', 'frames', 'restored', 'passed', 'dropped', 'lost', 'PSNR dB', 'SSIM'):
        table.add_column(title, justify='left' if not title else 'right')
    for row in (*report['segments'], total := total_of(report)):
        counts = (
            row[key] for key in ('frames', 'restored', 'passed_through', 'dropped', 'lost_in_transport')
        )
        scores = ('–', '–')
        if row['psnr_degraded_db'] is not None:
            scores = (
                f'{row["psnr_degraded_db"]:.2f} > {row["psnr_restored_db"]:.2f}',
                f'{row["ssim_degraded"]:.3f} > {row["ssim_restored"]:.3f}',
            )
        table.add_row(row['name'], *map(str, counts), *scores, style='bold' if row is total else '')
    console.print(table)
    latency = ', '.join(f'{name} {value or 0:.0f}' for name, value in report['latency_ms'].items())
    rates = f'{report["fps_out"] or 0:.1f} of {report["fps_in"] or 0:.1f} frames/s'
    for line in (
        f'latency ms {latency}; {rates}; {report["model"]} on {report["provider"]}',
        *(f'[red]failed:[/red] {problem}' for problem in report['problems']),
        f'report: {page_file}',
    ):
        console.print(line, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='replay_test', description='Play a bag through the node and report.'
    )
    parser.add_argument('bag', type=Path, help='drive folder, or a rosbag2 folder or file')
    parser.add_argument('output', type=Path, help='folder for the restored bag and the report')
    parser.add_argument('--model', default='', help="name or .onnx file of the model (the node's default)")
    parser.add_argument('--rate', type=float, default=1.0, help='bag seconds per wall second (%(default)s)')
    parser.add_argument('--topic', default='', help='image topic (the only one of the bag)')
    run_command(_command, parser)


def _command(given: argparse.Namespace) -> int:
    if not 0.01 <= given.rate <= 100:
        raise ConfigError('impossible rate', seen=given.rate, wanted='0.01 to 100')
    cv2.setNumThreads(1)
    report = replay_and_report(open_drive(given.bag, given.topic), given.output, given.model, given.rate)
    show(report, given.output / 'report.html')
    return 1 if report['problems'] else 0


if __name__ == '__main__':
    main()
