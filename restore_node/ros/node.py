"""The node: a lifecycle node that restores the images of its cameras.

`ros2 run restore_node restore_node`, or `ros2 launch restore_node restore.launch.py`. Topics, parameters and
outcomes are those of docs/contracts.md, sections 2 and 3.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import cv2
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import get_rmw_implementation_identifier

from restore_node.common.errors import ConfigError, EngineMissingError, RestoreError
from restore_node.common.memory import keep_freed_memory
from restore_node.engine.build_process import BuildProcess, build_arguments
from restore_node.model import load_model
from restore_node.ros.camera import Camera
from restore_node.ros.debug_output import DebugOutput
from restore_node.ros.diagnostics import Diagnostics
from restore_node.ros.lifecycle import SUCCESS, ManagedNode, reported
from restore_node.ros.logs import route_logs
from restore_node.ros.services import Services
from restore_node.ros.settings import LiveSettings, Params, candidates_of, refuse_unknown_parameters
from restore_node.ros.stopping import stop_on_signals
from restore_node.ros.topics import topics_of
from restore_node.runtime.batches import Batches
from restore_node.runtime.counters import FrameRecord
from restore_node.runtime.health import judge_backend
from restore_node.runtime.journal import Journal
from restore_node.runtime.supervisor import Supervisor, SupervisorState
from restore_node.runtime.threads import end_process


class RestoreNode(ManagedNode):
    """Subscribes its cameras, restores each frame, publishes it with the same header.

    Args:
        is_stopping: asked while a model is being loaded; once it says so, nobody waits for that any longer.

    Raises:
        ConfigError: a parameter that does not exist or has an impossible value, or topics that cannot be.
        InputError: the journal cannot be written.
    """

    def __init__(self, is_stopping: Callable[[], bool] = lambda: False) -> None:
        super().__init__('restore_node')
        self._is_stopping = is_stopping
        route_logs(self.get_logger())
        self._live = LiveSettings(self, self._take_model)
        topics = topics_of(self.settings.cameras, self.resolve_topic_name, self.settings.image_transport)
        self._journal = Journal(self.settings.journal) if self.settings.journal else None
        self._debug = DebugOutput(self)
        self._cameras = [Camera(self, one, lambda: self.settings, self._take_record) for one in topics]
        self._supervisor: Supervisor | None = None
        self._batches: Batches | None = None
        Diagnostics(
            self,
            self._cameras,
            lambda: self.state,
            lambda: judge_backend(self.state, self.settings.bypass, self.settings.on_failure),
            lambda: self._batches.sizes if self._batches else {},
        )
        Services(self, self._reload)
        refuse_unknown_parameters(self, topics)

    @property
    def settings(self) -> Params:
        """The parameters as they are now."""
        return self._live.now

    @property
    def state(self) -> SupervisorState:
        """Which model and backend are at work."""
        return self._supervisor.state if self._supervisor else SupervisorState(wanted=self.settings.model)

    # Transitions.

    @reported
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm the model, create the publishers."""
        candidates = candidates_of(self.settings)
        self._supervisor = Supervisor(candidates, self.settings.retry, self._start_build)
        try:
            self._start_supervisor(self._supervisor)
            self._batches = Batches(self._supervisor)
            for camera in self._cameras:
                camera.configure()
        except Exception:
            self._free()
            raise
        return super().on_configure(state)

    @reported
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and start to restore."""
        assert self._batches
        try:
            for camera in self._cameras:
                camera.activate(self._batches)
        except Exception:
            self._stop()
            raise
        return super().on_activate(state)

    @reported
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, finish the frames at hand, join the workers."""
        self._stop()
        return super().on_deactivate(state)

    @reported
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and the publishers."""
        self._free()
        return super().on_cleanup(state)

    @reported
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop from whatever state."""
        self._stop()
        self._free()
        return super().on_shutdown(state)

    @reported
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured, with nothing left open."""
        self._stop()
        self._free()
        return super().on_error(state)

    def start(self) -> None:
        """Configure and activate (parameter `autostart`).

        Raises:
            ConfigError: a transition failed; its reason was logged.
        """
        for transition, trigger in (
            ('configure', self.trigger_configure),
            ('activate', self.trigger_activate),
        ):
            if trigger() != SUCCESS:
                raise ConfigError(
                    f'the node did not {transition}', fix='the line logged before this one says why'
                )

    def close(self) -> None:
        """Shut down and close the journal."""
        self._stop()
        self._free()
        if self._journal:
            self._journal.close()
        self.destroy_node()

    def _stop(self) -> None:
        for camera in self._cameras:  # all at once: together they wait no longer than one
            camera.finish()
        for camera in self._cameras:
            if camera.deactivate() and self._journal:
                state = self.state
                self._journal.summarise(
                    camera.topics.image,
                    camera.counters.counts(),
                    backend=state.backend,
                    provider=state.device,
                    model=state.running,
                    ros_distro=os.environ.get('ROS_DISTRO', ''),
                    rmw_implementation=get_rmw_implementation_identifier(),
                )
                if self._journal.error:
                    self.get_logger().error(self._journal.error)

    def _free(self) -> None:
        if self._supervisor:
            if not self._supervisor.close():
                self.get_logger().warning('a backend does not come back: it is left behind')
            self._supervisor = self._batches = None
        for camera in self._cameras:
            camera.free()

    def _start_supervisor(self, supervisor: Supervisor) -> None:
        try:
            supervisor.start(self.settings.model, self._is_stopping)
        except RestoreError:  # which diagnostics say; it is tried again every `retry` seconds
            if self.settings.on_failure == 'drop':
                raise

    def _start_build(self, missing: EngineMissingError, on_end: Callable[[str], None]) -> BuildProcess:
        return BuildProcess(build_arguments(missing.spec), on_end, self.get_logger().info)

    def _reload(self) -> None:
        """Load the model's files anew, though their name is the same."""
        load_model(self.settings.model)  # what cannot be read is refused at once
        if self._supervisor is None:
            raise ConfigError('no model to load anew', seen='an unconfigured node', fix='configure it')
        self._supervisor.request(self.settings.model)

    def _take_record(self, record: FrameRecord) -> None:
        if self._journal:
            self._journal.record(record)
        self._debug.tell(record)

    def _take_model(self, model: str) -> None:
        if self._supervisor:
            self._supervisor.request(model)


def _spin_once(node: RestoreNode, executor: SingleThreadedExecutor) -> None:
    """Handle what comes; what a request or a message makes a callback raise costs that one alone."""
    try:
        executor.spin_once(timeout_sec=0.2)
    except ExternalShutdownException:
        raise
    except Exception:
        node.get_logger().error(f'the node goes on after {traceback.format_exc()}')


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Returns:
        0 after a clean shutdown, 2 where it could not start.
    """
    # Memory is what bounds the conversions: more threads cost CPU, and gain no time (docs/performance.md).
    cv2.setNumThreads(1)
    keep_freed_memory()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    stop = stop_on_signals()
    node, code = None, 0
    try:
        node = RestoreNode(stop.is_set)
        if node.settings.autostart:
            node.start()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set():
            _spin_once(node, executor)
    except RestoreError as error:
        sys.stderr.write(f'error: {error}\n')
        code = 2
    except ExternalShutdownException:
        pass
    finally:
        if node is not None:
            node.close()
        rclpy.try_shutdown()
    return end_process(code)


if __name__ == '__main__':
    sys.exit(main())
