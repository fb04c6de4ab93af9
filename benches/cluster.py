"""What the benchmarks on a real API server share: processes, the API server, a network of their own.

In a cluster the API server reaches a webhook by its Service, over HTTP/1.1; to a loopback URL it would speak HTTP/2. So the
benchmarks run in a network namespace of their own, which has nothing but lo, and where the cluster's Services are local
addresses: what listens there is what kube-proxy would lead to.
"""
import contextlib
import http.client
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVICES = "10.96.0.0/16"
INSIDE = "DRAINGATE_BENCH_INSIDE"


def say(*words):
    print(f"{pathlib.Path(sys.argv[0]).name}:", *words, file=sys.stderr, flush=True)


def enter_network():
    """Goes on in a namespace of its own, once everything is built; there it brings up lo."""
    if os.environ.get(INSIDE):
        run(["ip", "link", "set", "lo", "up"])
        run(["ip", "route", "add", "local", SERVICES, "dev", "lo"])
        return
    if not shutil.which("ip"):
        raise SystemExit("ip is missing: apt-get install iproute2")
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    os.environ[INSIDE] = "1"
    os.execvp(unshare[0], [*unshare, "--", sys.executable, *sys.argv])


def service(name, number, port, namespace="draingate"):
    """A Service whose address is its webhook's own."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterIP": f"10.96.77.{number}", "ports": [{"port": port}]}}


# ---- processes

def free_port():
    """Below the range that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Processes:
    """What this run started, away from the terminal's Ctrl-C; ended by its process ids, the last one first."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []

    def start(self, name, command, **more):
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stderr=log,
                                       stdout=more.pop("stdout", log), start_new_session=True, **more)
        self.running.append(process)
        process.name, process.env = name, more.get("env")
        return process

    def again_on_one_core(self, process):
        """Its runtime counts the cores when it starts, so it has to start anew."""
        self.end(process)
        return self.start(process.name, ["taskset", "-c", "0", *process.args], env=process.env)

    def must_run(self, process):
        if process.poll() is not None:
            log = (self.folder / f"{process.name}.log").read_text(errors="replace").splitlines()[-15:]
            raise SystemExit(f"{process.name} ended with {process.returncode}:\n" + "\n".join(log))

    def end(self, *which):
        for process in which or reversed(self.running):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def run(command, **more):
    """To its end, away from the terminal's Ctrl-C, which ends it by its id."""
    with subprocess.Popen([str(word) for word in command], start_new_session=True, text=True,
                          stdin=subprocess.PIPE if "input" in more else subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=more.pop("stderr", subprocess.PIPE), cwd=more.pop("cwd", ROOT), env=more.pop("env", None)) as process:
        try:
            out, err = process.communicate(more.pop("input", None), timeout=more.pop("timeout", None))
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))[:200]} ended with {process.returncode}:\n{(err or '')[-3000:]}")
    return out


def eventually(what, check, seconds=60, process=None):
    deadline = time.monotonic() + seconds
    problem = None
    while time.monotonic() < deadline:
        try:
            if answer := check():
                return answer
        except (OSError, http.client.HTTPException, AssertionError) as error:
            problem = error
        if process:
            process[0].must_run(process[1])
        time.sleep(0.1)
    raise SystemExit(f"not within {seconds} s: {what}{f' ({problem})' if problem else ''}")


# ---- the API server

class Api:
    def __init__(self, folder):
        self.folder = folder / "api"
        self.kubeconfig = run([ROOT / "tests/cluster/apiserver", "up", self.folder]).strip()
        self.kubectl = [run([ROOT / "tests/cluster/parts", "--quiet"]).strip() + "/kubectl", f"--kubeconfig={self.kubeconfig}",
                        f"--cache-dir={folder}/kubectl"]
        self.address = re.search(r"https://(127\.0\.0\.1:\d+)", pathlib.Path(self.kubeconfig).read_text()).group(1)
        self.certs = self.folder / "certs"
        tls = ssl.create_default_context(cafile=self.certs / "ca.crt")
        tls.load_cert_chain(self.certs / "admin.crt", self.certs / "admin.key")
        self.connection = http.client.HTTPSConnection(self.address, context=tls, timeout=60)
        self.pids = {name: int((self.folder / f"{name}.pid").read_text()) for name in ["kube-apiserver", "etcd"]}

    def down(self):
        run([ROOT / "tests/cluster/apiserver", "stop", self.folder])
        run([ROOT / "tests/cluster/apiserver", "down", self.folder])

    def ask(self, method, path, body=None):
        """The status and the answer."""
        try:
            self.connection.request(method, path, json.dumps(body) if body is not None else None, {"content-type": "application/json"})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise

    def apply(self, *objects):
        self.apply_text("\n---\n".join(map(json.dumps, objects)))

    def apply_text(self, text):
        run([*self.kubectl, "apply", "--server-side", "-f", "-"], input=text)

    def ask_all(self, objects):
        """Creates policies of Kyverno; it may not be ready for them yet."""
        for made in objects:
            group, plural = made["apiVersion"], made["kind"].lower()[:-1] + "ies"
            status, answer = self.ask("POST", f"/apis/{group}/{plural}", made)
            assert status in (201, 409), answer.get("message")
        return True

    def empty(self, namespace):
        path = f"/api/v1/namespaces/{namespace}/pods"
        status, answer = self.ask("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
        assert status == 200, answer
        eventually(f"no pods in {namespace}", lambda: not self.ask("GET", path + "?limit=1")[1]["items"])


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def typical_pod():
    """The shape of the captured review; NAME is replaced by the load's program."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("capture", str(ROOT / "benches/capture"))
    capture = importlib.util.module_from_spec(importlib.util.spec_from_loader("capture", loader))
    loader.exec_module(capture)
    _, version, kind, body = next(found for found in capture.objects() if found[0] == "typical")
    return {"apiVersion": version, "kind": kind, **body, "metadata": {**body["metadata"], "name": "NAME"}}


def processor_time(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def make_certificate(folder, *names):
    folder.mkdir()
    names = ",".join(["IP:127.0.0.1", *(f"DNS:{name}" for name in names)])
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout",
         folder / "key", "-out", folder / "crt", "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}"])
    return folder
