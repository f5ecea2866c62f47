"""The configurations that come with the trainer, by name: in a checkout and where it is installed."""

from pathlib import Path

from restore_node.common.errors import ConfigError

_FOLDERS = Path(__file__).parents[2] / 'config' / 'train', Path(__file__).parents[1] / 'presets'


def find_config(given: str | Path) -> Path:
    """The file of a configuration, by its path or a bare name such as `restore_lite`; raises ConfigError."""
    path = Path(given)
    presets = {preset.stem: preset for folder in _FOLDERS for preset in folder.glob('*.yaml')}
    if not path.is_file() and str(given) in presets:
        return presets[str(given)]
    if not path.exists():
        raise ConfigError(
            'no such configuration', seen=given, wanted=f'a YAML file, or one of {", ".join(sorted(presets))}'
        )
    return path
