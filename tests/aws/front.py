#!/usr/bin/env python3
"""Stands in front of moto and plays what moto does not have: App Runner and ECS Express Mode.

Every call to App Runner and ECS is judged by botocore's model first (model.py). What is deployed is deployed for real:
the program is started with the variables that the service was given, and answers behind the TLS name that the service
has. All else goes on to moto. The state is kept as AWS keeps it, with its delays: operations that take some looks,
deletions that need the roles until their end.

usage: front.py PROGRAM DIRECTORY MOTO-URL BEDROCK-URL     prints "PORT TLS-PORT"; SIGTERM ends it and what it started.
Controls for tests, by GET: /_state, /_push?image=NAME, /_fail?next=deployment, /_audit (what should not have happened)
"""
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore.exceptions

import model
import services

PROGRAM, DIRECTORY, MOTO, BEDROCK = sys.argv[1:5]
MODELS = {name: model.load(name) for name in ("apprunner", "ecs")}
LOCK = threading.RLock()


class World:
    """What AWS would know, and the programs that run."""

    def __init__(self):
        self.audit = []      # what went wrong although every single call was legal
        self.calls = []      # service.operation, in order
        self.programs = {}   # host name -> (process, port)
        self.fail_next = False
        self.started = 0

    def client(self, name, region="us-west-2"):
        return boto3.client(name, region_name=region, endpoint_url=MOTO, aws_access_key_id="AKIATEST", aws_secret_access_key="x")

    def iam(self, arn):
        """IAM of the partition that a role is of."""
        return self.client("iam", "us-gov-west-1" if arn.startswith("arn:aws-us-gov:") else "us-west-2")

    def role(self, arn, principal):
        """None, or what is wrong with the role."""
        name = arn.split("/")[-1]
        try:
            document = self.iam(arn).get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        except botocore.exceptions.ClientError:
            return f"role {name} does not exist"
        principals = [s["Principal"].get("Service") for s in document["Statement"]]
        return None if principal in principals else f"role {name} is not trusted by {principal}"

    def may(self, arn, action, resource):
        """Whether an inline policy of the role allows it, by exact resource or a * at its end."""
        iam, name = self.iam(arn), arn.split("/")[-1]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            for statement in iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]:
                resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
                fits = any(r in ("*", resource) or (r.endswith("*") and resource.startswith(r[:-1])) for r in resources)
                if action in statement["Action"] and fits:
                    return True
        return False

    def image(self, name):
        """The digest of an image in ECR; None when it is not there."""
        repository, _, tag = name.split("/", 1)[1].partition("@" if "@" in name else ":")
        which = {"imageDigest": tag} if "@" in name else {"imageTag": tag}
        try:
            return self.client("ecr", name.split(".")[3]).describe_images(repositoryName=repository, imageIds=[which])["imageDetails"][0]["imageDigest"]
        except (botocore.exceptions.ClientError, IndexError):
            return None

    def secret(self, arn):
        if ":ssm:" in arn:
            return self.client("ssm").get_parameter(Name=arn.split(":parameter")[-1], WithDecryption=True)["Parameter"]["Value"]
        value = self.client("secretsmanager", arn.split(":")[3]).get_secret_value(SecretId=":".join(arn.split(":")[:7]))["SecretString"]
        key = arn.split(":")[7] if arn.count(":") > 6 else ""
        return json.loads(value)[key] if key else value

    def program(self, image, state, environment):
        """What starts an image. With REGISTRY (tests/aws/40_registry.sh) it is pulled by its digest and run as the service would:
        a container of its own, or, of another architecture than this machine's, its program under qemu."""
        registry = os.environ.get("REGISTRY")
        if not registry:
            return [PROGRAM, "serve"], environment
        name = f"{registry}/{image.split('/', 1)[1].partition('@')[0].partition(':')[0]}@{self.image(image)}"
        subprocess.run(["buildah", "pull", "--quiet", "--tls-verify=false", "--authfile", os.environ["REGISTRY_LOGIN"], name], check=True, stdout=subprocess.DEVNULL)
        about = json.loads(subprocess.run(["podman", "image", "inspect", name], check=True, capture_output=True).stdout)[0]
        settings = dict(v.split("=", 1) for v in about["Config"]["Env"]) | environment | {"STATE_DIR": "/var/lib/llm-api-converter"}
        if about["Architecture"] == "amd64":
            words = [w for k, v in settings.items() for w in ("-e", f"{k}={v}")]
            return ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "run", "--rm", "--network", "host", "--read-only", "--cap-drop=all",
                    "--security-opt", "no-new-privileges", "-v", f"{state}:/var/lib/llm-api-converter", *words, name], None
        box = subprocess.run(["buildah", "from", "--pull-never", name], check=True, capture_output=True, text=True).stdout.strip()
        root = subprocess.run(["buildah", "mount", box], check=True, capture_output=True, text=True).stdout.strip()
        entry, *words = about["Config"]["Entrypoint"] + about["Config"]["Cmd"]
        return ["qemu-aarch64-static", root + entry, *words], settings | {"STATE_DIR": state, "SANDBOX": "off"}

    def start(self, host, variables, image):
        """Starts the program as the service would, in a container of its own; it takes over when /health answers 200."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.started += 1
        state = os.path.join(DIRECTORY, f"state-{self.started}")
        os.makedirs(state)
        os.chmod(state, 0o777)
        environment = {"HOST": "127.0.0.1", "ENVIRONMENT": "production", "STATE_DIR": state,
                       "AWS_ACCESS_KEY_ID": "AKIAMOCKMOCKMOCKMOCK", "AWS_SECRET_ACCESS_KEY": "mock-secret-access-key",
                       "DYNAMODB_ENDPOINT_URL": MOTO, "AWS_ENDPOINT_URL_STS": MOTO, "BEDROCK_ENDPOINT_URL": BEDROCK, "WORKERS": "1", **variables, "PORT": str(port)}
        if "BEDROCK_LANES" in variables:  # each lane that does not say where it is
            lanes = [lane.strip() for lane in variables["BEDROCK_LANES"].split(",")]
            environment["BEDROCK_LANES"] = ",".join(lane if "://" in lane else f"{lane}={BEDROCK}" for lane in lanes)
            del environment["BEDROCK_ENDPOINT_URL"]
        with open(os.path.join(DIRECTORY, host + ".log"), "ab") as log:
            words, environment = self.program(image, state, environment)
            process = subprocess.Popen(words, env=environment, cwd=state, stdout=log, stderr=log)
        for _ in range(100 if words[0] == PROGRAM else 600):
            if process.poll() is not None:
                return False
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).read()
                self.stop(host)
                self.programs[host] = (process, port)
                return True
            except OSError:
                time.sleep(0.1)
        process.kill()
        return False

    def stop(self, host):
        process, _ = self.programs.pop(host, (None, 0))
        if process:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


WORLD = World()
SERVICES = {"apprunner": services.AppRunner(WORLD), "ecs": services.Ecs(WORLD)}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, code, message):
        self.answer(400, json.dumps({"__type": code, "message": message}).encode(), [("Content-Type", "application/x-amz-json-1.1")])

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        with LOCK:
            if url.path == "/_state":
                state = {name: s.state() for name, s in SERVICES.items()} | {"calls": WORLD.calls}
                self.answer(200, json.dumps(state, default=str).encode())
            elif url.path == "/_audit":
                self.answer(200, "\n".join(dict.fromkeys(WORLD.audit)).encode())
            elif url.path == "/_push":
                SERVICES["apprunner"].pushed(query["image"])
                self.answer(200, b"")
            elif url.path == "/_fail":
                WORLD.fail_next = True
                self.answer(200, b"")
            else:
                self.forward(b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        scope = self.headers.get("Authorization", "").partition("Credential=")[2].split("/")
        name = scope[3] if len(scope) > 3 else ""
        operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
        region = scope[2] if len(scope) > 2 else ""
        with LOCK:
            WORLD.calls.append(f"{name}.{operation or dict(urllib.parse.parse_qsl(body.decode('latin-1'))).get('Action', '')}")
            if name not in MODELS:
                self.forward(body)
                return
            request = json.loads(body or b"{}")
            if operation not in MODELS[name].operation_names:
                self.refuse("UnknownOperationException", operation)
                return
            found = model.faults(MODELS[name].operation_model(operation).input_shape, request)
            if found:
                self.refuse("InvalidRequestException" if name == "apprunner" else "InvalidParameterException", "; ".join(found))
                return
            handler = getattr(SERVICES[name], operation, None)
            if not handler:
                self.forward(body)
                return
            try:
                answer = handler(request, region)
            except services.Refused as refused:
                self.refuse(*refused.args)
                return
            shape = MODELS[name].operation_model(operation).output_shape
            wrong = model.faults(shape, answer) if shape else []
            if wrong:
                WORLD.audit.append(f"the front's own answer to {operation}: {'; '.join(wrong)}")
            self.answer(200, json.dumps(answer).encode(), [("Content-Type", "application/x-amz-json-1.1")])

    def forward(self, body):
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length", "connection")}
        request = urllib.request.Request(MOTO + self.path, data=body or None, headers=headers, method=self.command)
        try:
            with urllib.request.urlopen(request) as got:
                status, answer, kind = got.status, got.read(), got.headers.get("Content-Type", "")
        except urllib.error.HTTPError as error:
            status, answer, kind = error.code, error.read(), error.headers.get("Content-Type", "")
        self.answer(status, answer, [("Content-Type", kind)])


def relay(plain, host):
    """TLS in front of a program, as the platform has it; the name of the service says which one."""
    entry = WORLD.programs.get(host)
    if not entry:
        plain.close()
        return
    try:
        backend = socket.create_connection(("127.0.0.1", entry[1]))
    except OSError:
        plain.close()
        return

    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    threading.Thread(target=copy, args=(backend, plain), daemon=True).start()
    copy(plain, backend)


def serve_tls(listener):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(DIRECTORY, "cert.pem"), os.path.join(DIRECTORY, "key.pem"))
    names = {}
    context.sni_callback = lambda sock, name, _: names.__setitem__(sock, name)
    while True:
        raw, _ = listener.accept()
        try:
            sock = context.wrap_socket(raw, server_side=True)
        except OSError:
            continue
        threading.Thread(target=relay, args=(sock, names.pop(sock, None)), daemon=True).start()


def leave(*_):
    for host in list(WORLD.programs):
        WORLD.stop(host)
    os._exit(0)


def main():
    signal.signal(signal.SIGTERM, leave)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve_tls, args=(listener,), daemon=True).start()
    print(server.server_address[1], listener.getsockname()[1], flush=True)
    server.serve_forever()


main()
