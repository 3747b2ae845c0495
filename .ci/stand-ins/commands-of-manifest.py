"""Prints the command lines of a Kubernetes manifest, for a shell: of every pod its init containers', then its own.

The container image's entry point is ./espalier, volumes are folders, and secrets files. Ends with 1 where a name of a
volume, a claim or a job leads nowhere.
"""

import re
import shlex
import sys

import yaml

VOLUMES = {"data": "data", "models": "volume"}
PLACES = {"/espalier/espalier": "./espalier", "/secrets/api-key": "key.txt"}


def here(text):
    for place, stand_in in PLACES.items():
        text = text.replace(place, stand_in)
    return re.sub(r"(^|[ \"])/(data|models)\b", lambda place: place[1] + VOLUMES[place[2]], text)


def lines(container, indexes):
    environment = " ".join(
        f"{entry['name']}={shlex.quote(here(entry['value']))}" for entry in container.get("env", []) if "value" in entry
    )
    command = [here(word) for word in container.get("command", ["./espalier"]) + container.get("args", [])]
    if command[:2] == ["/bin/sh", "-c"]:
        # A shard of two instead of eight.
        script = re.sub(r"/8\b", f"/{indexes}", command[2])
        return [f"JOB_COMPLETION_INDEX={i} sh -c {shlex.quote(script)}" for i in range(indexes)]
    return [f"{environment} {shlex.join(command)}".strip()]


def pod_of(document):
    spec = document["spec"]
    while "containers" not in spec:
        spec = next(spec[key]["spec"] for key in ("template", "jobTemplate") if key in spec)
    return spec


with open(sys.argv[1]) as file:
    text = file.read()
documents = [document for document in yaml.safe_load_all(text) if document]
named = {(document["kind"].lower(), document["metadata"]["name"]) for document in documents}
for kind, name in re.findall(r"(job|cronjob)/(\S+)", text):
    assert (kind, name) in named, f"there is no {kind} {name}"
for document in documents:
    if document["kind"] in ("PersistentVolumeClaim", "Service"):
        continue
    pod = pod_of(document)
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for volume in volumes.values():
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        assert claim is None or ("persistentvolumeclaim", claim) in named, f"there is no claim {claim}"
    for container in pod.get("initContainers", []) + pod["containers"]:
        for mount in container.get("volumeMounts", []):
            assert mount["name"] in volumes, f"there is no volume {mount['name']}"
        print("\n".join(lines(container, 2)))
        for probe in ("startupProbe", "readinessProbe"):
            if probe in container:
                print(f"curl -sf http://127.0.0.1:8080{container[probe]['httpGet']['path']}")
