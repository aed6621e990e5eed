#!/usr/bin/env python3
"""An attacker who can kill a worker with one request, without the bug: workers are killed as they become ready, RATE a
second, while a load balancer asks /health ten times a second.

usage: outage.py PROGRAM MASTER_PID HOST PORT SECONDS RATE
Prints:  kills=N probes=N in_hand=N failed=N longest_ms=N
failed: no 200 within 2 s. in_hand: the worker that had the probe in its hands was killed, and the probe was repeated
within its 2 s, which any balancer does. Only the standard library.
"""
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time

PROBE_S, PATIENCE_S = 0.1, 2.0
program, master, host, port, seconds, rate = sys.argv[1], *sys.argv[2:]
end = time.monotonic() + float(seconds)
counts = {"kills": 0, "probes": 0, "in_hand": 0, "failed": 0, "longest_ms": 0}
lock = threading.Lock()


def count(name, by=1):
    with lock:
        counts[name] += by


def ready_workers():
    """Pids, the one that has served longest first."""
    out = subprocess.run([program, "top", "--pid", master, "--output", "json"], capture_output=True, check=False).stdout
    try:
        rows = json.loads(out)["processes"]
    except ValueError:
        return []
    workers = [r for r in rows if r["name"].startswith("worker") and r["state"] == "ready"]
    return [r["pid"] for r in sorted(workers, key=lambda r: -r["heartbeat_age_ms"])]


def kill_workers():
    due = time.monotonic()
    while time.monotonic() < end:
        pids = ready_workers()
        if pids:
            try:
                os.kill(pids[0], signal.SIGKILL)
                count("kills")
            except ProcessLookupError:  # the one before, whose end is not yet seen
                continue
            due = max(due + 1 / float(rate), time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))


def ask(patience):
    """True: 200; None: the connection was cut."""
    link = http.client.HTTPConnection(host, int(port), timeout=patience)
    try:
        link.request("GET", "/health")
        return link.getresponse().status == 200
    except (ConnectionError, http.client.BadStatusLine):
        return None
    except OSError:
        return False
    finally:
        link.close()


def probe():
    begin = time.monotonic()
    good = ask(PATIENCE_S)
    while good is None and time.monotonic() < begin + PATIENCE_S:
        count("in_hand")
        good = ask(begin + PATIENCE_S - time.monotonic())
    count("probes")
    if not good:
        count("failed")
    with lock:
        counts["longest_ms"] = max(counts["longest_ms"], round((time.monotonic() - begin) * 1000))


killer = threading.Thread(target=kill_workers)
killer.start()
probes = []
while time.monotonic() < end:
    probes.append(threading.Thread(target=probe))
    probes[-1].start()
    time.sleep(PROBE_S)
for thread in [killer, *probes]:
    thread.join()
print(*(f"{name}={value}" for name, value in counts.items()))
