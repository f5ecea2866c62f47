"""A short training from photographs to a model: `python -m training.commands.demo`, or `make train-demo`.

Trains as config/train/demo.yaml says on photographs that come with scikit-image, exports the checkpoint and
restores photographs that were held out with the exported model. Ends with an error if they are no better.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.commands.cli import command_parser, one_line_errors, set_up_log
from training.commands.contact_sheet import restored_strips
from training.commands.export import export
from training.commands.train import train
from training.config.run import load_config
from training.data.example_photographs import write_photographs
from training.evaluation.quality import Quality, table
from training.evaluation.sheet import draw_sheet, save_sheet
from training.evaluation.systems import open_system
from training.runs.errors import TrainingError
from training.runs.folder import RunFolder

NAME = 'demo'
_COLUMNS = 3


def demo(out: Path, overrides: Sequence[str] = ()) -> dict[str, Quality]:
    """Train, export and look, all in one folder; an earlier demo in it is replaced.

    Returns the quality by kind of degradation, measured with the exported model on photographs held out.
    Raises TrainingError where they are no better than they were degraded, and RestoreError for what else goes
    wrong.
    """
    photographs, run, model = out / 'photographs', out / 'run', out / 'model'
    for folder in (photographs, run, model):
        shutil.rmtree(folder, ignore_errors=True)
    write_photographs(photographs)
    config = load_config(NAME, [f'data.roots=[{photographs}]', *overrides])
    train(config, NAME, run)
    qualities = export(RunFolder(run).checkpoint, NAME, model).qualities
    with open_system(str(model / f'{NAME}.onnx'), device='cpu') as system:
        save_sheet(draw_sheet(restored_strips(config, [system], _COLUMNS)), out / 'before_after.png')
    check_better(qualities)
    return qualities


def check_better(qualities: Mapping[str, Quality]) -> None:
    """Raise TrainingError where restored photographs have a lower PSNR than degraded ones."""
    for kind, quality in qualities.items():
        if quality.psnr_restored_db <= quality.psnr_degraded_db:
            raise TrainingError(
                f'the model does not improve {kind}',
                seen=f'PSNR {quality.psnr_restored_db:.2f} dB',
                wanted=f'above {quality.psnr_degraded_db:.2f} dB',
                fix='give it more steps: make train-demo ARGS=schedule.steps=6000',
            )


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Run the demo."""
    parser = command_parser(__file__, __doc__)
    parser.add_argument('overrides', nargs='*', metavar='key=value', help='such as schedule.steps=6000')
    parser.add_argument('--out', type=Path, default=Path('out', 'train-demo'), help='default: out/train-demo')
    options = parser.parse_intermixed_args(arguments)
    set_up_log()
    qualities = demo(options.out, options.overrides)
    print(f'photographs held out, through the exported model:\n{table(qualities)}')
    print(f'pictures: {options.out}/before_after.png (degraded, restored, sharp)')
    print(f'model: {options.out}/model/{NAME}.onnx; checkpoint: {options.out}/run/checkpoint.pt')


if __name__ == '__main__':
    raise SystemExit(main())
