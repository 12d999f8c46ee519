"""Functions are jobs: one alone, and an array."""
import socket

import submitit


def hello(number):
    job = submitit.JobEnvironment()
    return f"hello {number} from {socket.gethostname()}, task {job.global_rank} of {job.num_tasks}"


def fails():
    raise ValueError("so it was meant")


executor = submitit.AutoExecutor(folder="logs", cluster="slurm")
executor.update_parameters(timeout_min=5, slurm_mem="400M", slurm_partition="main", slurm_array_parallelism=2)
print(executor.submit(hello, 7).result(), flush=True)
for job in executor.map_array(hello, range(3)):
    print(job.result(), flush=True)
print("wrong" if "so it was meant" in str(executor.submit(fails).exception()) else "right", flush=True)
