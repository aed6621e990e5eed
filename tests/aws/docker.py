"""Plays the docker client for the deployment scripts: builds mean the architecture that they say, pushes arrive in moto's
ECR, and run starts the real program. Refuses what a real one would: an unknown image, a registry nobody logged in to, a
program of the wrong architecture.

Environment: DOCKER_STATE (a folder), MOTO (URL), FRONT (URL), ROOT (the tree), PROGRAM, TEST_ENVIRONMENT (NAME=VALUE words
that the network of a container would give: endpoints)
"""
import hashlib
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request

import boto3

STATE, ROOT = os.environ["DOCKER_STATE"], os.environ["ROOT"]
FILE = os.path.join(STATE, "docker.json")


def fail(text, code=1):
    print(f"docker: {text}", file=sys.stderr)
    sys.exit(code)


def load():
    try:
        with open(FILE) as f:
            return json.load(f)
    except FileNotFoundError:
        return {"images": {}, "logins": [], "builds": 0}


def save(state):
    with open(FILE, "w") as f:
        json.dump(state, f)


def options(words, flags):
    """({option: [values]}, rest); flags take no value."""
    found, rest, words = {}, [], list(words)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            rest.append(word)
        elif "=" in word:
            found.setdefault(word.split("=", 1)[0], []).append(word.split("=", 1)[1])
        elif word in flags:
            found.setdefault(word, []).append(None)
        else:
            found.setdefault(word, []).append(words.pop(0))
    return found, rest


def buildx(words):
    if words[0] == "version":
        print("github.com/docker/buildx v0.0.0 played")
        return
    if words[0] != "build":
        fail(f"buildx {words[0]} is not played")
    given, rest = options(words[1:], {"--load", "--push", "--no-cache"})
    if rest != ["."] and rest != [ROOT]:
        fail(f"the context is needed, and nothing else: {rest}")
    file = given.get("-f", ["Dockerfile"])[-1]
    if not os.path.exists(file):
        fail(f"unable to read Dockerfile {file}")
    if "--load" not in given and "--push" not in given:
        fail("neither --load nor --push: the image would be lost")
    platforms = given["--platform"][-1].split(",")
    for platform in platforms:
        if file.endswith("prebuilt"):
            binary = dict(a.split("=", 1) for a in given.get("--build-arg", []))["BINARY_PATH"]
            subprocess.run([os.path.join(ROOT, "scripts/check-architecture.sh"), platform.rpartition("/")[2], binary], check=True)
    state = load()
    state["builds"] += 1
    for tag in given.get("-t", []):
        state["images"][tag] = {"platforms": platforms, "number": state["builds"]}
        save(state)
        if "--push" in given:
            push([tag])


def login(words):
    given, rest = options(words, {"--password-stdin"})
    password = sys.stdin.read().strip()
    if given.get("--username") != ["AWS"] or not password:
        fail("Error response from daemon: unauthorized")
    state = load()
    state["logins"].append(rest[0])
    save(state)
    print("Login Succeeded")


def tag(words):
    state = load()
    if words[0] not in state["images"]:
        fail(f"No such image: {words[0]}")
    state["images"][words[1]] = state["images"][words[0]]
    save(state)


def push(words):
    name, state = words[0], load()
    if name not in state["images"]:
        fail(f"An image does not exist locally with the tag: {name}")
    host, _, path = name.partition("/")
    if host not in state["logins"]:
        fail("no basic auth credentials")
    repository, _, label = path.partition(":")
    image = state["images"][name]
    config = hashlib.sha256(json.dumps(image).encode()).hexdigest()
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": f"sha256:{config}"}, "layers": []}
    ecr = boto3.client("ecr", region_name=host.split(".")[3], endpoint_url=os.environ["MOTO"], aws_access_key_id="AKIATEST", aws_secret_access_key="x")
    try:
        ecr.put_image(repositoryName=repository, imageTag=label, imageManifest=json.dumps(manifest),
                      imageDigest="sha256:" + hashlib.sha256(json.dumps(manifest).encode()).hexdigest())
    except ecr.exceptions.RepositoryNotFoundException:
        fail(f"name unknown: The repository with name '{repository}' does not exist")
    urllib.request.urlopen(f"{os.environ['FRONT']}/_push?image={urllib.parse.quote(name)}").read()


def run(words):
    environment = dict(w.split("=", 1) for w in os.environ["TEST_ENVIRONMENT"].split())
    words = list(words)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "--env-file":
            with open(words.pop(0)) as f:
                environment |= dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
        elif option == "-e":
            value = words.pop(0)
            name = value.split("=", 1)[0]
            if "=" in value:
                environment[name] = value.split("=", 1)[1]
            elif name in os.environ:
                environment[name] = os.environ[name]
        elif option != "--rm":
            fail(f"run {option} is not played")
    image = words.pop(0)
    if image not in load()["images"] and f"{image}:latest" not in load()["images"]:
        fail(f"Unable to find image '{image}' locally")
    os.chdir(STATE)
    os.execve(os.environ["PROGRAM"], [os.environ["PROGRAM"], *words], {"STORAGE_BACKEND": "dynamodb", "HOST": "0.0.0.0", "PORT": "8000",
                                                                      "ENVIRONMENT": "production", **environment})


def image(words):
    if words[0] != "inspect" or words[1] not in load()["images"]:
        fail(f"No such image: {words[1]}")


def compose(words):
    """Only whether the file is there and has the service that is run: Docker's own parser is nowhere to be had."""
    given, rest = options(words, {"--build", "--detach", "--rm"})
    with open(given["-f"][0]) as f:
        text = f.read()
    if rest[0] == "run" and f"\n  {rest[1]}:" not in text:
        fail(f"no such service: {rest[1]}")


COMMANDS = {"compose": compose, "buildx": buildx, "login": login, "tag": tag, "push": push, "run": run, "image": image}


def main(commands):
    if sys.argv[1] not in commands:
        fail(f"{sys.argv[1]} is not played")
    commands[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    main(COMMANDS)
