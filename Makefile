# What one does with a checkout. Everything is set up inside it: .venv/, .ros/, build/, install/, log/, out/.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# ROS 2's variables stay with the processes that are ROS; everything else runs without them.
PLAIN := env -u PYTHONPATH -u LD_LIBRARY_PATH -u AMENT_PREFIX_PATH
NODE := $(PLAIN) .venv/node/bin/python
# DISTRO=humble takes the other one of the registry. The domain is always a fresh one, whatever the caller has set:
# tests and demo never meet a running robot.
DISTRO ?=
ROS := env -u ROS_DOMAIN_ID dev/ros2_run.sh $(if $(DISTRO),--distro $(DISTRO))

SIZE ?= 640x360
VIDEO ?=
BAG ?=
# The drive that the demo replays: made from photographs, from a user's video, or a user's own bag.
DRIVE := $(or $(BAG),$(if $(VIDEO),out/drive/video,out/drive/$(SIZE)))

.PHONY: help
help:  ## show this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: setup
setup:  ## set up what is missing: the node environment, and a ROS 2 where none is sourced
	@dev/setup.sh node

.PHONY: build
build: setup  ## build the ROS 2 package with colcon into install/
	@$(ROS) colcon --log-level error build --event-handlers console_direct- console_cohesion- console_start_end-

.PHONY: demo
demo: build $(if $(BAG),,$(DRIVE)/drive.json)  ## a camera stream in, a restored stream out; VIDEO=, BAG= or SIZE= to choose
	@$(ROS) ros2 run restore_node replay_test "$(DRIVE)" out/demo

DRIVE_MAKERS := $(wildcard training/commands/make_drive.py training/drive/*.py training/degradation/*.py)
out/drive/%/drive.json: $(DRIVE_MAKERS) $(if $(VIDEO),always) | setup
	@rm -rf "$(@D)"
	@$(NODE) -m training.commands.make_drive "$(@D)" --size $(SIZE) $(if $(VIDEO),--video "$(VIDEO)")

# Whatever the time stamps say, a video may be another one under the same name.
.PHONY: always
always:

.PHONY: bench
bench: setup  ## what a frame costs on this machine, by stage and backend: out/benchmark.json
	@rm -f out/benchmark.json
	@$(NODE) -m restore_node.tools.benchmark --json out/benchmark.json

# ARGS='--size 640x360 --frames 50' goes to the measuring. By the RMWs' own settings four cameras lose images: docs/vehicle.md.
.PHONY: bench-node
bench-node: build  ## what a hop through the node costs over DDS, beside a relay and a plain node: out/bench-node
	@rm -rf out/bench-node
	@for rmw in rmw_fastrtps_cpp rmw_cyclonedds_cpp; do \
		$(ROS) env RMW_IMPLEMENTATION=$$rmw FASTRTPS_DEFAULT_PROFILES_FILE=$(CURDIR)/config/dds/fastdds.xml \
		CYCLONEDDS_URI=file://$(CURDIR)/config/dds/cyclonedds.xml python -m dev.bench_node.hop out/bench-node/$$rmw.json $(ARGS); done
	@$(NODE) -m dev.bench_node.report out/bench-node

# ARGS='--minutes 60 --seed 3' soaks longer and otherwise; RMW_IMPLEMENTATION chooses the RMW.
.PHONY: soak
soak: build  ## ten minutes of all that a vehicle can do to the node, over DDS, and what has to hold: out/soak
	@$(ROS) python -m dev.soak.run out/soak $(ARGS)

.PHONY: test
test: test-side-by-side test-ros  ## all tests

# What keeps one core busy each; the tests over real DDS come after, because they mind the time.
.PHONY: test-side-by-side
test-side-by-side:
	@dev/setup.sh node train py310
	@dev/setup.sh trt
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-unit test-py310 test-train

# Tests that need neither ROS 2 nor PyTorch.
WITHOUT_ROS := -m pytest -m 'not slow' --ignore=test/ros --ignore=test/training

.PHONY: test-unit
test-unit: setup  ## tests that need neither ROS 2 nor PyTorch
	@dev/setup.sh trt
	@$(NODE) $(WITHOUT_ROS)

.PHONY: test-py310
test-py310:  ## the same under Python 3.10, a Humble vehicle's, where there is one
	@dev/setup.sh py310
	@dev/setup.sh trt
	@[[ ! -x .venv/py310/bin/python ]] || $(PLAIN) .venv/py310/bin/python $(WITHOUT_ROS)

.PHONY: test-train
test-train:  ## tests of the trainer and its configs, in .venv/train
	@dev/setup.sh train
	@$(PLAIN) .venv/train/bin/python -m pytest -m 'not slow' test/training test/test_configs.py

.PHONY: test-slow
test-slow: build  ## the tests that take minutes: long trainings, torchrun, thousands of damaged messages
	@dev/setup.sh node train
	@$(NODE) -m pytest -m slow test/unit
	@$(ROS) python -m pytest -m slow test/ros
	@$(PLAIN) .venv/train/bin/python -m pytest -m slow test/training

# ARGS='data.roots=[/my/photographs]' goes to these commands.
ARGS ?=

.PHONY: train-demo
train-demo:  ## minutes of real training on photographs: a checkpoint, its ONNX model and pictures in out/train-demo
	@dev/setup.sh train
	@$(PLAIN) .venv/train/bin/python -m training.commands.demo $(ARGS)

.PHONY: transfer
transfer:  ## deraining from scratch against deraining from a deblurring generator: curves and figures in out/transfer
	@dev/setup.sh train
	@$(PLAIN) .venv/train/bin/python -m training.commands.transfer $(ARGS)

.PHONY: ablations
ablations:  ## the paper's choices one by one: a table in out/ablations
	@dev/setup.sh train
	@$(PLAIN) .venv/train/bin/python -m training.commands.ablations $(ARGS)

.PHONY: bench-train
bench-train:  ## what a training step costs on this machine, by part: out/benchmark-train.json
	@dev/setup.sh train
	@$(PLAIN) .venv/train/bin/python -m training.commands.benchmark config/experiments/benchmark.yaml \
		--json out/benchmark-train.json $(ARGS)

# They mostly wait for time to pass: two halves run side by side, the long files dealt out in turn, each half in a
# ROS_DOMAIN_ID of its own.
.PHONY: test-ros test-ros-0 test-ros-1
test-ros: build  ## tests of the node over real DDS
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-ros-0 test-ros-1

test-ros-0 test-ros-1: test-ros-%:
	@$(ROS) python -m pytest -m 'not slow' $$(ls -S test/ros/test_*.py | awk 'NR % 2 == $*')

.PHONY: lint
lint: setup  ## style, import order and types
	@$(NODE) -m ruff check .
	@$(NODE) -m ruff format --check .
	@$(NODE) -m mypy

.PHONY: format
format: setup  ## mend what ruff can mend
	@$(NODE) -m ruff check --fix .
	@$(NODE) -m ruff format .

.PHONY: clean
clean:  ## remove what was built and made; environments stay
	rm -rf build install log out .pytest_cache .mypy_cache .ruff_cache
