"""Records where pylibmc (libmemcached) and pymemcache place 10 000 keys.

Each key is set through the Python client; then every server is asked over its own socket which of
the keys it holds. Nothing is computed here: what is written is where the bytes really went.

    apt-get install memcached
    python3 -m venv venv && venv/bin/pip install pylibmc pymemcache
    venv/bin/python record.py            # writes placements_*.txt beside itself

Needs the ports 11211 and 21211 to 21217 of the loopback addresses, and /tmp/larder-ring-*.sock. Ports
and paths are names here: libmemcached and pymemcache hash them to place the keys (libmemcached takes
absolute paths only), so that they belong to the record. The tests open none of them.

Recorded with the libmemcached 1.0.16 that pylibmc's wheel brings. A pylibmc built from source over
libmemcached 1.1.4 places all keys alike; its `remove_failed` ejects no host, so that the two files of
libmemcached with a dead server cannot be recorded with it.

Format: lines that begin with '#', then 10 000 digits in lines of 100: the index of the server that
holds key 0, key 1, ... `tests/ring_placements.rs` makes the same keys by the same rule.
"""

import os
import socket
import subprocess
import time

import pylibmc
import pymemcache
from pymemcache.client.hash import HashClient

HERE = os.path.dirname(os.path.abspath(__file__))
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-./|@#"
COUNT = 10_000

SETS = {
    "five": (
        ["127.0.0.1:21211", "127.0.0.1:21212", "127.0.0.1:21213", "127.0.0.1:21214", "127.0.0.1:21215"],
        [1, 2, 3, 1, 5],
    ),
    "default_port": (["127.0.0.1:11211", "127.0.0.2:11211", "127.0.0.3:21213"], [1, 1, 1]),
    "names": (["localhost:21216", "localhost:21217", "127.0.0.1:21211"], [2, 1, 4]),
    "unix": (["/tmp/larder-ring-1.sock", "/tmp/larder-ring-2.sock", "/tmp/larder-ring-3.sock"], [1, 1, 1]),
}
MIXED = ["[::1]:21216", "localhost:21217", "/tmp/larder-ring-1.sock"]  # more than pylibmc can do
DEAD = 2  # of "five"


def key(number):
    """Key `number`: 0 to 99 characters of the alphabet (100 to 199 in every 16th), ':', the number."""
    state = number + 1

    def draw():
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return state >> 33

    length = draw() % 100 + (100 if number % 16 == 0 else 0)
    return "".join(ALPHABET[draw() % len(ALPHABET)] for _ in range(length)) + ":" + str(number)


KEYS = [key(number) for number in range(COUNT)]
assert len(set(KEYS)) == COUNT


def dial(server):
    if server.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(server)
        return connection
    host, port = server.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)))


def start(server):
    if server.startswith("/"):
        where = ["-s", server]
    else:
        host, port = server.rsplit(":", 1)
        host = {"localhost": "127.0.0.1"}.get(host, host.strip("[]"))
        where = ["-l", host, "-p", port, "-U", "0"]
    process = subprocess.Popen(["memcached", "-u", "nobody", "-a", "0777", *where])
    for _ in range(200):
        try:
            dial(server).close()
            return process
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"memcached at {server} did not start")


def ask(server, text):
    """One command; the lines of the answer up to the one that ends it."""
    connection = dial(server)
    connection.sendall(text.encode() + b"\r\n")
    with connection.makefile("rb") as answer:
        lines = []
        while True:
            line = answer.readline().decode().rstrip("\r\n")
            if line in ("END", "OK", ""):
                return lines
            lines.append(line)


def holders(servers):
    """The index of the server that holds each key."""
    found = {}
    for index, server in enumerate(servers):
        for first in range(0, COUNT, 100):
            for line in ask(server, "get " + " ".join(KEYS[first : first + 100])):
                if line.startswith("VALUE "):
                    assert found.setdefault(line.split(" ")[1], index) == index
    return "".join(str(found[name]) for name in KEYS)


def by_pylibmc(behaviors, weights=False):
    def fill(servers, shares):
        specs = servers
        if weights:
            specs = [f"{s}:{w}" for s, w in zip(servers, shares)]
        client = pylibmc.Client(specs, behaviors={"tcp_nodelay": True, **behaviors})
        for name in KEYS:
            try:
                client.set(name, "x")
            except pylibmc.Error:
                pass  # the one dead server, until it is ejected
        for name in KEYS:
            assert client.set(name, "x"), name

    return fill, f"pylibmc {pylibmc.__version__}, libmemcached {pylibmc.libmemcached_version}, {behaviors}"


def by_pymemcache(**options):
    def fill(servers, _shares):
        client = HashClient(servers, ignore_exc=True, **options)
        for _ in range(2):
            for name in KEYS:
                client.set(name, "x", noreply=False)

    return fill, f"pymemcache {pymemcache.__version__}, HashClient"


def record(name, servers, shares, how, dead=None):
    fill, versions = how
    processes = {server: start(server) for server in servers}
    if dead is not None:
        processes[servers[dead]].kill()
        processes.pop(servers[dead]).wait()
    try:
        fill(servers, shares)
        alive = [s for index, s in enumerate(servers) if index != dead]
        digits = holders(alive)
        if dead is not None:
            digits = "".join(str(int(d) + (int(d) >= dead)) for d in digits)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    with open(os.path.join(HERE, f"placements_{name}.txt"), "w") as out:
        out.write(f"# recorded by record.py: {versions}, {memcached_version()}\n")
        out.write(f"# servers: {' '.join(servers)}\n# weights: {' '.join(map(str, shares))}\n")
        out.write(f"# dead: {servers[dead] if dead is not None else 'none'}\n")
        for first in range(0, COUNT, 100):
            out.write(digits[first : first + 100] + "\n")
    print(name, [digits.count(str(index)) for index in range(len(servers))])


def memcached_version():
    return subprocess.run(["memcached", "-V"], capture_output=True, text=True).stdout.strip()


EJECT = {"remove_failed": 1, "retry_timeout": 3600, "dead_timeout": 3600}
WEIGHTED = {"ketama_weighted": True}
for set_name, (servers, shares) in SETS.items():
    ones = [1] * len(servers)
    record(f"modula_{set_name}", servers, ones, by_pylibmc({}))
    record(f"ketama_{set_name}", servers, ones, by_pylibmc({"ketama": True}))
    record(f"weighted_equal_{set_name}", servers, ones, by_pylibmc(WEIGHTED))
    if shares != ones:
        record(f"weighted_{set_name}", servers, shares, by_pylibmc(WEIGHTED, weights=True))
    record(f"pymemcache_{set_name}", servers, ones, by_pymemcache())

record("pymemcache_mixed", MIXED, [1] * len(MIXED), by_pymemcache())

servers, shares = SETS["five"]
ones = [1] * len(servers)
record("ketama_dead", servers, ones, by_pylibmc({"ketama": True, **EJECT}), DEAD)
record("weighted_dead", servers, shares, by_pylibmc({**WEIGHTED, **EJECT}, weights=True), DEAD)
record("pymemcache_dead", servers, ones, by_pymemcache(retry_attempts=0, dead_timeout=3600), DEAD)
