"""The AWS CLI without its start: half a second of imports, and the reading of its services' models, is paid once; each
call is a fork of this process.

usage: cli.py serve SOCKET          the CLI of this Python's environment; ends with SIGTERM
       cli.py SOCKET ARGUMENTS...   one call: the caller's arguments, environment, folder and standard files
"""
import os
import socket
import sys
import traceback


def call(path, arguments):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        words = [os.getcwd(), *arguments, "", *(f"{k}={v}" for k, v in os.environ.items())]
        message = "\0\n".join(words).encode(errors="surrogateescape")
        socket.send_fds(s, [len(message).to_bytes(8, "big")], [0, 1, 2])
        s.sendall(message)
        s.shutdown(socket.SHUT_WR)
        code = s.recv(1)
    sys.exit(code[0] if code else 255)


def serve(path):
    import gc
    import signal

    import awscli.clidriver
    import botocore.loaders
    import botocore.parsers  # noqa: F401  and what a first call would bring

    read, known = botocore.loaders.JSONFileLoader.load_file, {}

    def load_file(loader, file):
        if file not in known:
            known[file] = read(loader, file)
        return known[file]

    botocore.loaders.JSONFileLoader.load_file = load_file
    session = awscli.clidriver.create_clidriver().session
    for name in ("apprunner", "ecr", "ecs", "iam", "logs", "sts"):
        session.create_client(name, region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="x")
    gc.collect()
    gc.freeze()
    gc.disable()  # a call is over before that would pay
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        s, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answer(s)
        s.close()


def answer(s):
    """In a child: the call, whose exit code goes back; never returns."""
    head, files, _, _ = socket.recv_fds(s, 8, 3)
    length, data = int.from_bytes(head, "big"), b""
    while len(data) < length:
        data += s.recv(65536)
    words = data.decode(errors="surrogateescape").split("\0\n")
    end = words.index("")
    pid = os.fork()
    if pid == 0:
        s.close()
        for n, fd in enumerate(files):
            os.dup2(fd, n)
        data = os.environ["AWS_DATA_PATH"]  # where its commands stand: the import of awscli said so
        os.environ.clear()
        os.environ.update(w.split("=", 1) for w in words[end + 1:])
        os.environ["AWS_DATA_PATH"] = data
        os.chdir(words[0])
        sys.argv = ["aws", *words[1:end]]
        code = 255
        try:
            import awscli.clidriver

            code = awscli.clidriver.main()
            sys.stdout.flush()
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else 1
        except BaseException:
            traceback.print_exc()
        os._exit(code or 0)
    for fd in files:
        os.close(fd)
    s.sendall(bytes([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255]))
    os._exit(0)


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    call(sys.argv[1], sys.argv[2:])
