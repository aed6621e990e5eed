#!/usr/bin/env python3
"""The benchmark: this server, nginx as a plain proxy, and whatever other builds are named, in one run on one machine, so that
ratios mean something where absolute figures do not. One core for the server that is measured, another for the client and the
mock Bedrock; every figure is taken in several rounds, all servers in turn, and the ratios are medians over the rounds. CPU is
that of all processes of a server, in nanoseconds of /proc/PID/schedstat. Each row has a target; a row that misses it says
MISSED. Over http:// and over https:// (nginx with a throw-away CA in front of the mock: production is always TLS).

usage: B=build [BENCH_AGAINST=PROGRAM] [BENCH_STATIC=PROGRAM] tests/bench/bench.py [--rounds 3] [--seconds 1] [--only WORD] [--quick]

Writes build/bench.json; tests/bench/plot.py draws it. Needs nginx, wrk and openssl. Loopback only."""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("B", "build")).resolve()
CLAUDE, QWEN = "anthropic.claude-sonnet-4-5-20250929-v1:0", "qwen.qwen3-coder-480b-a35b-v1:0"
SERVER_CORE, CLIENT_CORE = "0", "1"
PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}

# name, route, model, bytes of the body, connections, setting of the server, target of the ratio to nginx (None: none)
REQUESTS = [
    ("InvokeModel 1 KB", "messages", CLAUDE, 1000, 16, "", 1.8),
    ("InvokeModel 1 KB, 64 connections", "messages", CLAUDE, 1000, 64, "", None),
    ("Converse 1 KB", "messages", QWEN, 1000, 16, "", 1.9),
    ("Chat 1 KB", "chat", QWEN, 1000, 16, "", 1.9),
    ("Responses 1 KB", "responses", QWEN, 1000, 16, "", 1.9),
    ("InvokeModel 115 KB", "messages", CLAUDE, 115000, 16, "", None),
    ("Converse 115 KB", "messages", QWEN, 115000, 16, "", None),
    ("Chat 115 KB", "chat", QWEN, 115000, 16, "", None),
    ("InvokeModel 300 KB", "messages", CLAUDE, 300000, 16, "", 3.0),
    ("InvokeModel 300 KB, Bedrock API key", "messages", CLAUDE, 300000, 16, "bearer", 2.0),
    ("Converse 300 KB", "messages", QWEN, 300000, 16, "", None),
    ("Chat 300 KB", "chat", QWEN, 300000, 16, "", None),
]
# name, route, model, target: CPU of one more event of a stream that comes as fast as it can
BURSTS = [("InvokeModel", "messages", CLAUDE, 1.2), ("Converse", "messages", QWEN, 1.3)]
P99_TARGET, TTFT_MS, PSS_KB, IDLE_MB, START_MS = 3.0, 20, 26, 4.0, 2.5


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, path="/health"):
    for _ in range(400):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                if s.recv(12) == b"HTTP/1.1 200":
                    return
        except OSError:
            pass
        time.sleep(0.02)
    sys.exit(f"bench: nothing answers on port {port}")


def tree(pid):
    yield pid
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


def cpu_ns(pid):
    total = 0
    for p in tree(pid):
        for stat in pathlib.Path(f"/proc/{p}/task").glob("*/schedstat"):
            total += int(stat.read_text().split()[0])
    return total


def pss_kb(pid):
    return sum(int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{p}/smaps_rollup").read_text(), re.M)[1]) for p in tree(pid))


class Bed:
    """Everything that is started, and where its files are."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bench."))
        self.dir.chmod(0o711)  # a server that root starts gives root up, and reads the CA's file then
        self.stores = 0
        self.started = []
        self.mock = self.start("mock", [BUILD / "mock-bedrock", "--no-verify", "--quiet"], CLIENT_CORE)
        self.tls_port = self.nginx("tls", CLIENT_CORE, "https", f"http://127.0.0.1:{self.mock.port}").port

    def start(self, name, command, core, env=None, port=None, ready="/health"):
        server = Server(name, port or free_port())
        if command[0] == BUILD / "mock-bedrock":
            command = [*command, "--port", str(server.port)]
        log = open(self.dir / f"{name}.{server.port}.log", "wb")
        began = time.perf_counter()
        server.process = subprocess.Popen(["taskset", "-c", core, *map(str, command)], env={**os.environ, **(env or {})},
                                          stdout=log, stderr=log, cwd=ROOT)
        self.started.append(server)
        if ready:
            wait_for(server.port, ready)
        server.start_ms = (time.perf_counter() - began) * 1000
        return server

    def certificate(self):
        if not (self.dir / "ca.pem").exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                            "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                            self.dir / "key.pem", "-out", self.dir / "ca.pem"], check=True, capture_output=True)

    def nginx(self, name, core, listen, upstream):
        self.certificate()
        port = free_port()
        home = self.dir / f"nginx-{port}"
        home.mkdir()
        tls = f"ssl_certificate {self.dir}/ca.pem; ssl_certificate_key {self.dir}/key.pem;" if listen == "https" else ""
        verify = f"proxy_ssl_trusted_certificate {self.dir}/ca.pem; proxy_ssl_verify on; proxy_ssl_name 127.0.0.1;" if upstream.startswith(
            "https") else ""
        scheme, place = upstream.split("://")
        paths = " ".join(f"{n}_temp_path {home}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (home / "conf").write_text(f"""worker_processes 1; pid {home}/pid; error_log {home}/error.log; daemon off; worker_rlimit_nofile 65536;
events {{ worker_connections 32768; }}
http {{ access_log off; client_max_body_size 25m; client_body_buffer_size 4m; keepalive_requests 10000000; {paths}
upstream there {{ server {place}; keepalive 512; keepalive_requests 10000000; }}
server {{ listen 127.0.0.1:{port} {"ssl" if tls else ""} backlog=16384; {tls}
location / {{ proxy_pass {scheme}://there; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; {verify} }} }} }}""")
        server = self.start(f"nginx-{name}", ["nginx", "-p", home, "-c", home / "conf"], core, port=port, ready=None if tls else "/health")
        if tls:
            time.sleep(0.3)
        return server

    def gateway(self, name, program, upstream, **settings):
        self.stores += 1  # one each: an older build reads no newer one's
        env = {"STATE_DIR": str(self.dir / f"state-{self.stores}"), "STORAGE_BACKEND": "sqlite", "AWS_REGION": "us-west-2",
               "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "bench",
               "BEDROCK_ENDPOINT_URL": upstream, "HOST": "127.0.0.1", "LOG_LEVEL": "warn", "WORKERS": "1", "RATE_LIMIT_REQUESTS_PER_WINDOW": "100000000",
               "UPSTREAM_CA_FILE": str(self.dir / "ca.pem"), **settings}
        made = subprocess.run([program, "create-api-key", "-u", "bench", "-n", "bench", "--output", "json"], env={**os.environ, **env},
                              capture_output=True, text=True)
        if made.returncode:
            sys.exit(f"bench: {program} create-api-key: {made.stderr}")
        port = free_port()
        server = self.start(name, [program], SERVER_CORE, {**env, "PORT": str(port)}, port, "/ready")
        server.key, server.is_gateway = json.loads(made.stdout)["api_key"], True
        return server

    def stop(self, server):
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(40)
        self.started.remove(server)

    def close(self):
        for server in reversed(self.started):
            server.process.send_signal(signal.SIGTERM)
        for server in self.started:
            server.process.wait(40)
        shutil.rmtree(self.dir, ignore_errors=True)


class Server:
    is_gateway, key = False, ""

    def __init__(self, name, port):
        self.name, self.port = name, port

    @property
    def pid(self):
        return self.process.pid


def body_of(server, route, model, size, stream=False):
    """Path and body: of the gateway's route, or for nginx of what the gateway would send to Bedrock."""
    text = "x" * max(size - 100, 2)
    if server.is_gateway:
        more = {"stream": True} if stream else {}
        if route == "responses":
            return PATHS[route], {"model": model, "max_output_tokens": 64, "input": text, **more}
        return PATHS[route], {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": text}], **more}
    place = f"/model/{model.replace(':', '%3A')}/"
    if model.startswith("anthropic"):
        return place + ("invoke-with-response-stream" if stream else "invoke"), {
            "anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": [{"role": "user", "content": text}]}
    return place + ("converse-stream" if stream else "converse"), {
        "messages": [{"role": "user", "content": [{"text": text}]}], "inferenceConfig": {"maxTokens": 64}}


def load(bed, server, path, body, connections, seconds):
    """wrk for so long: CPU a request, latency."""
    file = bed.dir / "body"
    file.write_text(json.dumps(body))
    env = {**os.environ, "BENCH_BODY": str(file), "BENCH_KEY": server.key}
    before = cpu_ns(server.pid)
    out = subprocess.run(["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s",
                          ROOT / "tests/bench/post.lua", f"http://127.0.0.1:{server.port}{path}"], env=env, capture_output=True, text=True)
    time.sleep(0.3)  # the last usage rows are stored
    spent = cpu_ns(server.pid) - before
    said = json.loads(next(line for line in out.stdout.splitlines() if line.startswith("{")))
    return {"cpu_us": spent / said["requests"] / 1000, "rps": said["requests"] / said["duration_us"] * 1e6, "p50_us": said["p50_us"],
            "p99_us": said["p99_us"], "bad": said["bad"]}


def streams(bed, server, path, body, count, apart_us, at_peak=None):
    """Streams that are open at once. at_peak is called when each has had its first byte."""
    file, hold = bed.dir / "request", bed.dir / "hold"
    text = json.dumps(body)
    key = f"x-api-key: {server.key}\r\n" if server.key else ""
    file.write_text(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{key}"
                    f"Content-Length: {len(text)}\r\n\r\n{text}")
    hold.unlink(missing_ok=True)
    run = subprocess.Popen(["taskset", "-c", CLIENT_CORE, BUILD / "bench-streams", "127.0.0.1", str(server.port), file, str(count),
                            str(apart_us), hold], stdout=subprocess.PIPE, text=True)
    peak = None
    while at_peak and run.poll() is None and peak is None:
        time.sleep(0.05)
        peak = at_peak() if hold.exists() else None
    return {**json.loads(run.communicate(timeout=300)[0]), "peak": peak}


class Report:
    def __init__(self):
        self.rows = []

    def add(self, transport, name, unit, figures, target=None, of="ratio", judged=("ours", "static")):
        """figures: {server: value}; what is compared with the target is `of` of ours, or its ratio to nginx."""
        row = {"transport": transport, "name": name, "unit": unit, "figures": {k: round(v, 3) for k, v in figures.items()}, "target": target}
        if of == "ratio" and figures.get("nginx"):
            row["ratios"] = {k: round(v / figures["nginx"], 3) for k, v in figures.items() if k != "nginx"}
        row["met"] = target is None or all(v <= target for k, v in row.get("ratios", figures).items() if k in judged)
        self.rows.append(row)
        shown = "  ".join(f"{k} {v:.2f}" + (f" ({row['ratios'][k]:.2f})" if k in row.get("ratios", {}) else "") for k, v in figures.items())
        verdict = "" if target is None else f"   target {target}" + ("" if row["met"] else "   MISSED")
        print(f"{transport:5}  {name:42} {unit:12} {shown}{verdict}", flush=True)


def median_ratios(rounds):
    """Rounds of {server: value}: each server's median, nginx's own, such that their quotient is the median of the quotients."""
    base = statistics.median(r["nginx"] for r in rounds)
    return {name: base * statistics.median(r[name] / r["nginx"] for r in rounds) for name in rounds[0]}


def servers_of(bed, transport, programs, **settings):
    upstream = f"http://127.0.0.1:{bed.mock.port}" if transport == "http" else f"https://127.0.0.1:{bed.tls_port}"
    out = {"nginx": bed.nginx(transport, SERVER_CORE, "http", upstream)}
    for name, program in programs.items():
        out[name] = bed.gateway(name, program, upstream, **settings)
    return out


def measure_requests(bed, report, transport, args, programs):
    sets = {"": servers_of(bed, transport, programs)}
    for name, route, model, size, connections, setting, target in REQUESTS:
        if args.only and args.only not in name:
            continue
        if setting and setting not in sets:
            sets[setting] = servers_of(bed, transport, programs, AWS_BEARER_TOKEN_BEDROCK="bench-key")
        rounds = []
        for _ in range(args.rounds):
            rounds.append({who: load(bed, s, *body_of(s, route, model, size), connections, args.seconds) for who, s in sets[setting].items()})
        if any(f["other"]["bad"] for f in rounds if "other" in f):  # a build of before the route
            rounds = [{who: r for who, r in f.items() if who != "other"} for f in rounds]
        bad = sum(r["bad"] for figures in rounds for r in figures.values())
        if bad:
            sys.exit(f"bench: {bad} answers of {name} were not 200")
        report.add(transport, f"{name}, CPU", "us", median_ratios([{k: r["cpu_us"] for k, r in f.items()} for f in rounds]), target)
        if size == 1000:
            report.add(transport, f"{name}, p99", "us", median_ratios([{k: r["p99_us"] for k, r in f.items()} for f in rounds]),
                       P99_TARGET if name == "InvokeModel 1 KB" else None)
    for name, route, model, target in BURSTS:
        if args.only and args.only not in "burst":
            continue
        rounds = []
        for _ in range(args.rounds):
            few, many = ({who: load(bed, s, *body_of(s, route, f"{model}--pace-0--tokens-{n}", 100, True), 4, args.seconds)["cpu_us"]
                          for who, s in sets[""].items()} for n in (32, 544))
            rounds.append({who: (many[who] - few[who]) / 512 for who in many})
        report.add(transport, f"burst {name}, CPU an event", "us", median_ratios(rounds), target)
    for group in sets.values():
        for s in group.values():
            bed.stop(s)


def paced(server, pace_ms, tokens):
    return body_of(server, "messages", f"{CLAUDE}--pace-{pace_ms}--tokens-{tokens}", 100, True)


def measure_streams(bed, report, transport, args, programs):
    if args.only and args.only not in "streams":
        return
    servers = servers_of(bed, transport, programs)
    idle = {who: pss_kb(s.pid) for who, s in servers.items()}
    direct = streams(bed, bed.mock, *paced(bed.mock, 20, 8), 100, 2000)
    big = {who: streams(bed, s, *body_of(s, "messages", f"{CLAUDE}--pace-0--tokens-2", 1_800_000, True), 5, 200000)["ttft_p50_us"]
           for who, s in servers.items()}
    one = {who: streams(bed, s, *paced(s, 20, 8), 100, 20000) for who, s in servers.items()}
    report.add(transport, "one stream after another, TTFT added p50", "us",
               {k: max(v["ttft_p50_us"] - direct["ttft_p50_us"], 1) for k, v in one.items()})
    report.add(transport, "first byte of a prompt of 440k tokens", "us", big)
    thousand = {who: streams(bed, s, *paced(s, 1000, 10), 1000, 1000, lambda s=s: pss_kb(s.pid)) for who, s in servers.items()}
    report.add(transport, "PSS a stream at 1,000", "KB", {k: (v["peak"] - idle[k]) / 1000 for k, v in thousand.items() if v["peak"]},
               PSS_KB, "value")
    report.add(transport, "1,000 streams, lost", "", {k: 1000 - v["complete"] for k, v in thousand.items()}, 0, "value")
    for s in servers.values():
        bed.stop(s)


def measure_ten_thousand(bed, report, transport, args, programs):
    """Default settings: no WORKERS, no limits of connections named."""
    if args.quick or args.only and args.only not in "10,000":
        return
    servers = servers_of(bed, transport, programs, WORKERS="")
    script = streams(bed, bed.mock, *paced(bed.mock, 1000, 8), 100, 500)["ttft_p50_us"]
    out = {who: streams(bed, s, *paced(s, 1000, 8), 10000, 500) for who, s in servers.items()}
    report.add(transport, "10,000 streams, TTFT added p99", "ms", {k: max(v["ttft_p99_us"] - script, 0) / 1000 for k, v in out.items()},
               TTFT_MS, "value")
    report.add(transport, "10,000 streams, lost", "", {k: 10000 - v["complete"] for k, v in out.items()}, 0, "value")
    for s in servers.values():
        bed.stop(s)


def measure_start(bed, report, args, programs):
    """All processes, by default settings: what they have when nobody has come for some seconds, and how soon they answer."""
    if args.only and args.only not in "start idle":
        return
    idle, start = {}, {"nginx": nginx_start_ms(bed, args.rounds)}
    for name, program in programs.items():
        server = bed.gateway(name, program, f"http://127.0.0.1:{bed.mock.port}", WORKERS="")
        time.sleep(5)
        idle[name] = pss_kb(server.pid) / 1024
        bed.stop(server)
        start[name] = statistics.median(first_200_ms(bed, program) for _ in range(2 * args.rounds + 1))
    for what, unit, figures, target in (("idle PSS, all processes", "MB", idle, IDLE_MB), ("exec to the first 200", "ms", start, START_MS)):
        report.add("", what, unit, figures, target if "static" in figures else None, "value", judged=("static",))


def start_ms(port, path, command, env=None):
    out = subprocess.run([BUILD / "bench-start", str(port), path, *map(str, command)], env={**os.environ, **(env or {})}, capture_output=True,
                         text=True, timeout=60)
    if out.returncode:
        sys.exit(f"bench: {command[0]} did not answer: {out.stderr}")
    return json.loads(out.stdout)["first_ms"]


def first_200_ms(bed, program):
    """A store that is there, as at every start but the first."""
    port = free_port()
    env = {"STATE_DIR": str(bed.dir / "first"), "STORAGE_BACKEND": "sqlite", "AWS_REGION": "us-west-2", "HOST": "127.0.0.1", "PORT": str(port),
           "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "bench", "LOG_LEVEL": "warn", "AWS_EC2_METADATA_DISABLED": "true"}
    return start_ms(port, "/health", [program], env)


def nginx_start_ms(bed, rounds):
    server = bed.nginx("start", CLIENT_CORE, "http", f"http://127.0.0.1:{bed.mock.port}")
    home = bed.dir / f"nginx-{server.port}"
    bed.stop(server)
    command = [shutil.which("nginx"), "-p", home, "-c", home / "conf"]
    return statistics.median(start_ms(server.port, "/health", command) for _ in range(2 * rounds + 1))


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--rounds", type=int, default=3)
    parse.add_argument("--seconds", type=int, default=1)
    parse.add_argument("--only", default="", help="rows whose name has this in it; also: burst, streams, 10,000, start")
    parse.add_argument("--quick", action="store_true", help="without the 10,000 streams")
    parse.add_argument("--plain", action="store_true", help="without https://")
    parse.add_argument("--tls", action="store_true", help="https:// alone")
    args = parse.parse_args()
    for tool in ("nginx", "wrk", "openssl", "taskset"):
        if not shutil.which(tool):
            sys.exit(f"bench: {tool} is missing; run scripts/install-deps.sh --dev")
    if os.cpu_count() < 2:
        sys.exit("bench: needs two cores: one for the server, one for the client and the mock")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 65536, hard))
    programs = {"ours": str(BUILD / "llm-api-converter")}
    for name, variable in (("static", "BENCH_STATIC"), ("other", "BENCH_AGAINST")):
        if os.environ.get(variable):
            programs[name] = str(pathlib.Path(os.environ[variable]).resolve())
    report, bed = Report(), Bed()
    try:
        measure_start(bed, report, args, programs)
        for transport in ("http",) if args.plain else ("https",) if args.tls else ("http", "https"):
            measure_requests(bed, report, transport, args, programs)
            measure_streams(bed, report, transport, args, programs)
            measure_ten_thousand(bed, report, transport, args, programs)
    finally:
        bed.close()
    missed = [r for r in report.rows if not r["met"]]
    pathlib.Path(ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build/bench.json").write_text(json.dumps({"programs": list(programs), "rows": report.rows}, indent=1))
    print(f"bench: {len(report.rows)} rows, {sum(r['target'] is not None for r in report.rows)} with a target, {len(missed)} MISSED; build/bench.json")


if __name__ == "__main__":
    main()
