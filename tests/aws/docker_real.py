"""The docker client for tests/aws/40_registry.sh: what docker.py plays is done here by buildah, podman and a real registry. The
one thing that is not as at AWS is the registry's name: ECR's host is a registry on this machine.

Environment: that of docker.py, and REGISTRY (host:port)
"""
import hashlib
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request

import boto3

import docker

REGISTRY = os.environ["REGISTRY"]
LOGIN = os.path.join(os.environ["DOCKER_STATE"], "auth.json")


def tool(*words, **options):
    done = subprocess.run(words, **options)
    if done.returncode:
        sys.exit(done.returncode)
    return done


def buildx(words):
    if words[0] == "version":
        return docker.buildx(words)
    given, rest = docker.options(words[1:], {"--load", "--push", "--no-cache"})
    if rest != ["."] or "--load" not in given:
        docker.fail(f"one context and --load are needed: {words}")
    # --push stands for a manifest of several platforms, which no script of the guide's path makes.
    command = ["buildah", "bud", "--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker", "--quiet"]
    for option in ("--platform", "--build-arg", "-f", "-t"):
        for value in given.get(option, []):
            command += [option, value]
    tool(*command, ".", stdout=subprocess.DEVNULL)


def login(words):
    given, rest = docker.options(words, {"--password-stdin"})
    tool("buildah", "login", "--tls-verify=false", "--authfile", LOGIN, "-u", given["--username"][-1], "--password-stdin", REGISTRY)
    with open(LOGIN + ".host", "a") as f:
        f.write(rest[0] + "\n")


def tag(words):
    tool("buildah", "tag", *words)


def push(words):
    """Into the registry, then ECR's own record of it: the manifest as the registry gives it back."""
    host, _, path = words[0].partition("/")
    try:
        with open(LOGIN + ".host") as f:
            known = host in f.read().split()
    except FileNotFoundError:
        known = False
    if not known:
        docker.fail("no basic auth credentials")
    tool("buildah", "push", "--quiet", "--tls-verify=false", "--authfile", LOGIN, words[0], f"docker://{REGISTRY}/{path}")
    repository, _, label = path.partition(":")
    with open(LOGIN) as f:
        basic = json.load(f)["auths"][REGISTRY]["auth"]
    request = urllib.request.Request(f"http://{REGISTRY}/v2/{repository}/manifests/{label}", headers={
        "Authorization": f"Basic {basic}",
        "Accept": "application/vnd.docker.distribution.manifest.v2+json"})
    with urllib.request.urlopen(request) as answer:
        manifest, digest = answer.read(), answer.headers["Docker-Content-Digest"]
    if digest != "sha256:" + hashlib.sha256(manifest).hexdigest():
        docker.fail("the registry's digest is not that of its manifest")
    ecr = boto3.client("ecr", region_name=host.split(".")[3], endpoint_url=os.environ["MOTO"], aws_access_key_id="AKIATEST", aws_secret_access_key="x")
    try:
        ecr.put_image(repositoryName=repository, imageTag=label, imageManifest=manifest.decode(), imageDigest=digest)
    except ecr.exceptions.RepositoryNotFoundException:
        docker.fail(f"name unknown: The repository with name '{repository}' does not exist")
    urllib.request.urlopen(f"{os.environ['FRONT']}/_push?image={urllib.parse.quote(words[0])}").read()


def run(words):
    network = [word for pair in os.environ["TEST_ENVIRONMENT"].split() for word in ("-e", pair)]
    os.execvp("podman", ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "run", "--network", "host", *network, *words])


def image(words):
    if words[0] != "inspect":
        docker.fail(f"image {words[0]} is not done here")
    tool("buildah", "inspect", "--type", "image", words[1], stdout=subprocess.DEVNULL)


docker.main({"buildx": buildx, "login": login, "tag": tag, "push": push, "run": run, "image": image})
