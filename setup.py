"""Install what a vehicle runs: restore_node, its launch files, parameters and models. Not training/."""

from contextlib import redirect_stdout
from glob import glob
from pathlib import Path

from generate_parameter_library_py.generate_python_module import run as generate
from setuptools import find_packages, setup

NAME = 'restore_node'
SHARE = f'share/{NAME}'
DECLARED, MADE = Path(NAME, 'ros/parameters.yaml'), Path(NAME, 'ros/parameters.py')

# By the generator of the ROS 2 that the node will run with. It prints, and colcon evaluates what is printed.
if not MADE.exists() or MADE.stat().st_mtime < DECLARED.stat().st_mtime:
    with redirect_stdout(None):
        generate(str(MADE), str(DECLARED))

setup(
    name=NAME,
    version='0.1.0',
    description='Restores camera images in real time: motion blur, rain streaks and drops on the lens',
    maintainer='restore_node maintainers',
    maintainer_email='maintainers@restore-node.dev',
    license='Apache-2.0',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={f'{NAME}.tools.replay_test': ['*.j2']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (SHARE, ['package.xml']),
        (f'{SHARE}/launch', glob('launch/*.launch.*')),
        (f'{SHARE}/config', glob('config/*.yaml')),
        (f'{SHARE}/config/dds', glob('config/dds/*.xml')),
        (f'{SHARE}/config/sros2', glob('config/sros2/*.xml')),
        (f'{SHARE}/models', glob('models/*')),
    ],
    python_requires='>=3.10',
    install_requires=['setuptools'],
    extras_require={'test': ['pytest']},
    zip_safe=False,
    entry_points={
        'console_scripts': [
            'restore_node = restore_node.ros.node:main',
            'player = restore_node.ros.player:main',
            'recorder = restore_node.ros.recorder:main',
            'restore_bag = restore_node.tools.restore_bag:main',
            'restore_image = restore_node.tools.restore_image:main',
            'build_engine = restore_node.tools.build_engine.__main__:main',
            'doctor = restore_node.tools.doctor.__main__:main',
            'benchmark = restore_node.tools.benchmark.__main__:main',
            'replay_test = restore_node.tools.replay_test.__main__:main',
        ],
    },
)
