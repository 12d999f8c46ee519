"""Workers of dask are jobs; they compute squares."""
import socket

from dask.distributed import Client
from dask_jobqueue import SLURMCluster

cluster = SLURMCluster(
    cores=1, processes=1, memory="800MB", walltime="00:10:00", interface="eth0", local_directory="/tmp",
    log_directory="logs", job_extra_directives=["--exclusive"])
cluster.scale(jobs=2)
with Client(cluster) as client:
    client.wait_for_workers(2, timeout=200)
    squares = client.gather(client.map(lambda x: x * x, range(4)))
    hosts = sorted(client.run(socket.gethostname).values())
    print(f"squares {squares} on {hosts}", flush=True)
cluster.close()
