"""server.py - an HTTP/1.1 server on loopback for the findings in Python: the n-th POST gets the n-th answer, the last repeats."""
import http.server
import json
import threading


class Server:
    def __init__(self, *answers):  # each: (status, {header: value}, body bytes), or a function of the request's body that gives one
        outer = self
        self.requests = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                asked = self.rfile.read(int(self.headers.get("content-length") or 0))
                answer = answers[min(outer.requests, len(answers) - 1)]
                status, headers, body = answer(json.loads(asked)) if callable(answer) else answer
                outer.requests += 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()


def stream(*events):
    """A Messages stream as an answer."""
    body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return 200, {"content-type": "text/event-stream"}, body.encode()


def chat(*chunks):
    """A Chat Completions stream as an answer; a chunk is (delta, finish_reason) or a usage object."""
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    whole = [{**base, "choices": [], "usage": c} if isinstance(c, dict) else
             {**base, "choices": [{"index": 0, "delta": c[0], "finish_reason": c[1]}]} for c in chunks]
    body = "".join(f"data: {json.dumps(c)}\n\n" for c in whole) + "data: [DONE]\n\n"
    return 200, {"content-type": "text/event-stream"}, body.encode()


def document(status, body, **headers):
    return status, {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}, json.dumps(body).encode()
