"""Gets tokens as velt-py 0.3.0 does: requests.post, with a new connection for each call.

Reads its job as one line of JSON, and prints the fields of calls.mjs that Python can measure.
"""

import json
import os
import resource
import sys
import threading
import time

import requests

job = json.loads(sys.stdin.readline())
os.environ["REQUESTS_CA_BUNDLE"] = job["caFile"]
URL = job["baseUrl"] + "/v1/auth/token/get"
BODY = {
    "data": {
        "userId": "user-1",
        "apiKey": "bench-api-key",
        "authToken": "bench-auth-token",
        "userProperties": {
            "isAdmin": True,
            "organizationId": "organization-1",
            "email": "user-1@example.com",
        },
    }
}


def call_until(end, latencies, failures):
    while (start := time.monotonic()) < end:
        try:
            assert requests.post(URL, json=BODY).json()["result"]["data"]["token"]
        except Exception:
            failures.append(1)
        latencies.append((time.monotonic() - start) * 1e3)


def run(milliseconds):
    end = time.monotonic() + milliseconds / 1e3
    latencies, failures = [], []
    arguments = (end, latencies, failures)
    threads = [threading.Thread(target=call_until, args=arguments) for _ in range(job["callers"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(latencies), len(failures)


run(job["warmup"])
started, cpu = time.monotonic(), time.process_time()
latencies, failures = run(job["duration"])
elapsed, cpu = time.monotonic() - started, time.process_time() - cpu
calls = len(latencies)
print(
    json.dumps(
        {
            "calls": calls,
            "failures": failures,
            "callsPerSecond": calls / elapsed,
            "cpuPerCall": cpu * 1e6 / calls,
            "latencyP50": latencies[calls // 2],
            "latencyP99": latencies[calls * 99 // 100],
            "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )
)
