"""What the tests of training make and compare: short runs, their checkpoints, networks and their graphs."""

import onnxruntime
import torch
from lightning_fabric import Fabric

from restore_node.model import INPUT_NAME, OUTPUT_NAME
from training.commands.train import train
from training.config.run import config_values, parse_config
from training.loop.trainer import Trainer
from training.model_file.graph import PixelsInPixelsOut
from training.networks.registry import build
from training.runs import checkpoint
from training.runs.folder import RunFolder


def trained(values, folder, **options):
    """Train as configured; the checkpoint that is left."""
    train(parse_config(values, 'test'), 'test.yaml', folder, **options)
    return checkpoint.load(folder / 'checkpoint.pt')


def make_trainer(values, folder):
    """A trainer of one process on the CPU."""
    config = parse_config(values, 'test')
    fabric = Fabric(accelerator='cpu', devices=1, precision=config.precision)
    return Trainer(fabric, config, {}, RunFolder(folder))


def crops(first_step, side=64, count=2):
    """Batches without end that are a function of the step; degraded crops are brighter."""
    while True:
        draw = torch.Generator().manual_seed(first_step)
        sharp = torch.randint(40, 200, (count, 3, side, side), dtype=torch.uint8, generator=draw)
        yield sharp + 30, sharp
        first_step += 1


def assert_same_bits(one, other):
    """Two checkpoints hold the same weights, and the same states of optimizers."""
    assert one.step == other.step
    for seen, wanted in ((one.generator[0], other.generator[0]), (one.average, other.average)):
        assert seen.keys() == wanted.keys()
        assert not [name for name, weights in wanted.items() if not torch.equal(seen[name], weights)]
    assert str(one.generator[1]) == str(other.generator[1])


def lively(name='lite', seed=1):
    """A network that changes its input, in evaluation mode."""
    torch.manual_seed(seed)
    network = build(name).eval()
    torch.nn.init.normal_(network.leave.weight, std=0.02)
    return network


def save_checkpoint(path, values, network, data, **made):
    """A checkpoint after nine steps of a run on some data, whose averaged weights are those of a network."""
    state = checkpoint.Checkpoint(
        step=9,
        elapsed_s=1.0,
        generator=(build(values['network']).state_dict(), []),
        average=network.state_dict(),
        critic=None,
        config=config_values(parse_config(values, 'test')),
        provenance={'config': 'test.yaml', 'commit': 'c' * 40, 'seed': 3, 'data': data, **made},
    )
    checkpoint.save(state, path)
    return path


def restored_by_both(graph, network, frames):
    """What a graph's file and its network make of frames, uint8 [N, H, W, 3] RGB: int of that shape each."""
    session = onnxruntime.InferenceSession(str(graph), providers=['CPUExecutionProvider'])
    restored = session.run([OUTPUT_NAME], {INPUT_NAME: frames})[0]
    with torch.inference_mode():
        wanted = PixelsInPixelsOut(network)(torch.from_numpy(frames)).numpy()
    return restored.astype(int), wanted.astype(int)
