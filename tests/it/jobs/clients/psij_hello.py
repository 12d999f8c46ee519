"""PSI/J follows jobs: one that is well, one that is not, and one that is cancelled."""
from datetime import timedelta
from pathlib import Path

from psij import Job, JobAttributes, JobExecutor, JobSpec, JobState, ResourceSpecV1
from psij.executors.batch.slurm import SlurmExecutorConfig

config = SlurmExecutorConfig(queue_polling_interval=1, initial_queue_polling_delay=1)
slurm = JobExecutor.get_instance("slurm", config=config)


def submit(script, **resources):
    spec = JobSpec(executable="/bin/bash", arguments=["-c", script], directory=Path.cwd(),
                   stdout_path=Path("out.txt").absolute(),
                   resources=ResourceSpecV1(process_count=1, memory=200 << 20, **resources),
                   attributes=JobAttributes(duration=timedelta(minutes=10), queue_name="main"))
    job = Job(spec)
    slurm.submit(job)
    return job


job = submit("echo hello from $(nproc) processes on $(hostname)", cpu_cores_per_process=2)
print(f"{job.wait().state.name}: {Path('out.txt').read_text()}", flush=True)
status = submit("exit 3").wait()
print(f"{status.state.name} with exit code {status.exit_code}", flush=True)
job = submit("sleep 600")
job.wait(target_states=[JobState.ACTIVE])
job.cancel()
print(job.wait().state.name, flush=True)
