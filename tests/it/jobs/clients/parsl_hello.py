"""Apps of parsl run in a block of workers, which is a job."""
import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import SlurmProvider


@python_app
def hello(number):
    import socket
    return f"hello {number} from {socket.gethostname()}"


provider = SlurmProvider(
    nodes_per_block=1, init_blocks=1, max_blocks=1, walltime="00:10:00", cores_per_node=1, mem_per_node=1,
    exclusive=False)
executor = HighThroughputExecutor(address="10.0.0.1", max_workers_per_node=1, provider=provider)
with parsl.load(Config(executors=[executor], usage_tracking=0)):
    for future in [hello(number) for number in range(2)]:
        print(future.result(), flush=True)
