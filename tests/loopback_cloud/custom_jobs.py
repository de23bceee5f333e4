"""Custom jobs of Vertex AI: what `FakeVertex` is asked to start runs as a process, with what its image has."""

import subprocess
import sys
import threading

from tests.loopback_cloud.images import environment_of_image, image_name


class CustomJobs:
    """Runs what is created.

    Args:
      environment: Of the processes.
      directory: For their output.

    Attributes:
      commands: Of all jobs that were started, in their order.
      images: Of all jobs, by their names.
      logs: The files with what they said.
    """

    def __init__(self, environment: dict[str, str], directory):
        self._environment, self._directory = environment, directory
        self._directory.mkdir(parents=True)
        self.commands, self.images, self.logs = [], [], []
        self._processes, self._threads = [], []

    def start(self, job):
        """Starts a job, as the REST interface has it; its state is kept there."""
        (pool,) = job["jobSpec"]["workerPoolSpecs"]
        container = pool["containerSpec"]
        self.commands.append([*container["command"], *container.get("args", [])])
        self.images.append(image_name(container["imageUri"]))
        self.logs.append(self._directory / f"{len(self.commands)}.log")
        job["state"] = "JOB_STATE_RUNNING"
        arguments = (job, self.commands[-1], self.images[-1], self.logs[-1])
        self._threads.append(threading.Thread(target=self._work, args=arguments, daemon=True))
        self._threads[-1].start()

    def close(self):
        """Ends what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for thread in self._threads:
            thread.join(60)

    def _work(self, job, command, image, log):
        variables = environment_of_image(image, self._directory, self._environment)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                as_here(command), stdout=stream, stderr=subprocess.STDOUT, env=variables, cwd=self._directory
            )
            self._processes.append(process)
            code = process.wait()
        job["state"] = "JOB_STATE_SUCCEEDED" if code == 0 else "JOB_STATE_FAILED"


def as_here(command):
    """Returns a container's command with the Python of the tests."""
    assert command[0] == "python", command
    return [sys.executable, *command[1:]]
