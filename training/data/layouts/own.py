"""One's own pairs, which `held_out` divides: all of them are found, whatever the split that is asked for."""

from pathlib import Path

from restore_node.common.errors import ConfigError
from restore_node.common.image_files import images_under
from training.config.data import LayoutName
from training.data.layouts.named_pairs import FilePair, Layout, in_folders, match


def pair_by_suffix(folder: Path, degraded: str, sharp: str) -> list[FilePair]:
    """Pairs under a folder by the endings of their names, in order; other images do not count.

    What stands between the name and its ending (`_`, `-`, a space) does not belong to either. Raises
    ConfigError for images without a partner, or two of a name.
    """
    sides: dict[str, dict[str, Path]] = {degraded: {}, sharp: {}}
    for path in images_under(folder):
        # The longer first: what ends in `norain` ends in `rain`, too.
        ending = next((end for end in sorted(sides, key=len)[::-1] if path.stem.endswith(end)), None)
        if ending is None:
            continue
        name = path.stem.removesuffix(ending).rstrip('_- ')
        if name in sides[ending]:
            raise ConfigError(
                f'{folder} has two images {name} that end in {ending}',
                seen=f'{sides[ending][name].relative_to(folder)} and {path.relative_to(folder)}',
            )
        sides[ending][name] = path
    return match(sides[degraded], sides[sharp], folder)


LAYOUTS: dict[LayoutName, Layout] = {
    'folders': Layout(
        'pairs of folders',
        'the folders {degraded} and {sharp} with equal names inside',
        lambda root, config, _split: in_folders([root], [(config.degraded, config.sharp)]),
    ),
    'suffixes': Layout(
        'pairs by their endings',
        'images whose names end in {degraded} and {sharp}, and are equal before that, anywhere in the folder',
        lambda root, config, _split: pair_by_suffix(root, config.degraded, config.sharp),
    ),
}
