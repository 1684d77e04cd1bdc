"""Work for shards, in a module that a worker process can import by its name, as no test file is."""

import json
import os
import time

import psutil

from ecglens.formats.contents import content


def content_of(items, parameters):
    return content(items)


def nothing(items, parameters):
    return "0"


def who(items, parameters):
    """Return which process worked the items, after a while."""
    time.sleep(parameters.get("seconds", 0.2))
    with open(parameters["log"], "a") as log:
        log.write(f"{os.getpid()} {items[0]}\n")
    return json.dumps([os.getpid(), items]).encode()


def die(items, parameters):
    os.kill(os.getpid(), 9)


def ports(items, parameters):
    """Return the addresses at which this process and the one that began the work listen."""
    processes = {os.getpid(), parameters["begun_by"]}
    found = [c for pid in processes for c in psutil.Process(pid).net_connections()]
    return json.dumps([c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN]).encode()
