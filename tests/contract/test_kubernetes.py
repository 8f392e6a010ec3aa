"""Kubernetes: no cluster runs here, so every name in the manifests is held against the code, and against each other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.health import Health
from services.chassis.settings import AkarSettings, KafkaSettings
from services.intake.settings import IntakeSettings
from services.notifier.app import DRAIN_SECONDS
from services.registry import load
from services.router.checkpoint.transaction_thread import LONGEST_COMMIT_SECONDS
from services.router.settings import RouterSettings
from tests.contract.test_compose import module_of, settings_classes, variables

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
DOCUMENTS: list[dict[str, Any]] = [
    document
    for name in KUSTOMIZATION["resources"]
    for document in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
]
SETTINGS = dict(
    line.split("=", 1)
    for line in (FOLDER / "settings.env").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)
KINDS = {
    "Job": "batch/v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Service": "v1",
    "PodDisruptionBudget": "policy/v1",
}
WORKLOADS = {
    document["metadata"]["name"]: document
    for document in DOCUMENTS
    if document["kind"] in {"Job", "Deployment", "StatefulSet"}
}
each_workload = pytest.mark.parametrize("name", sorted(WORKLOADS))


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {d["metadata"]["name"]: d for d in DOCUMENTS if d["kind"] == kind}


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = WORKLOADS[name]["spec"]["template"]["spec"]
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = pod(name)["containers"]
    return dict(found)


def environment(name: str) -> dict[str, str]:
    """What the container sees, its pod's name included."""
    found = dict(SETTINGS)
    for entry in container(name).get("env", []):
        if "valueFrom" in entry:
            assert entry["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
            found[entry["name"]] = f"{name}-0"
        else:
            assert isinstance(entry["value"], str), f"{entry['name']}: a number would be refused"
            found[entry["name"]] = entry["value"]
    return found


def probes(name: str) -> Iterator[dict[str, Any]]:
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        if kind in container(name):
            yield container(name)[kind]["httpGet"]


def test_every_file_is_a_resource_and_every_kind_is_what_it_says() -> None:
    """Nothing lies there that is not applied; kinds and API versions belong together."""
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])
    for document in DOCUMENTS:
        assert document["apiVersion"] == KINDS[document["kind"]]
    names = [(document["kind"], document["metadata"]["name"]) for document in DOCUMENTS]
    assert len(set(names)) == len(names)


@each_workload
def test_the_container_runs_a_module_of_ours(name: str) -> None:
    """Image, module and argument are ones that the compose file's test has held against the code."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    ours = container(name)

    assert ours["image"] == compose[name]["image"]
    assert ours["image"] in {entry["name"] for entry in KUSTOMIZATION["images"]}
    assert ours.get("args", []) == compose[name].get("command", [])
    service = {"build": compose[name]["build"], "environment": environment(name)}
    assert module_of(service) == module_of(compose[name])


@each_workload
def test_every_variable_is_one_that_the_code_reads(name: str) -> None:
    """No variable is misspelt or forgotten by the code, and each service has those of the compose file."""
    assert set(environment(name)) <= variables() | {"AKAR_SERVICE"}
    assert {"configMapRef": {"name": "akar-settings"}} in container(name)["envFrom"]


@each_workload
def test_the_settings_accept_the_values(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every settings class of ours takes the container's environment."""
    for variable in [v for v in os.environ if v.startswith(("AKAR_", "KAFKA_"))]:
        monkeypatch.delenv(variable)
    for key, value in environment(name).items():
        if key.endswith("_FILE") and value.startswith("/run/secrets/"):
            secret = tmp_path / key
            secret.write_text("a secret of more than sixteen characters\n")
            monkeypatch.setenv(key, str(secret))
        else:
            monkeypatch.setenv(key, value)
    for settings in settings_classes():
        settings()
    assert KafkaSettings().uses_sasl
    assert AkarSettings().registry == Path("/etc/akar/registry")


@each_workload
def test_probes_ask_where_the_service_answers(name: str) -> None:
    """Path and port are those of the code; what has a port is probed in all three ways."""
    ours = container(name)
    ports = {port["name"]: port["containerPort"] for port in ours.get("ports", [])}
    found = environment(name)
    own = [int(v) for k, v in found.items() if k.endswith("_PORT")]
    assert sorted(ports.values()) == sorted(own)
    asked = list(probes(name))
    assert len(asked) == (3 if ports else 0)
    for probe in asked:
        assert Health().answer(probe["path"]) is not None
        assert probe["port"] in ports
    if ports:
        assert ours["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert ours["readinessProbe"]["httpGet"]["path"] == "/readyz"
        hosts = {v for k, v in found.items() if re.fullmatch(r"[A-Z]+_(HEALTH_)?HOST", k)}
        assert hosts == {"0.0.0.0"}, "a probe comes from outside of the container"


def test_selectors_find_what_they_mean() -> None:
    """Services, budgets and workloads select the labels of a pod template, and ports have names that it has."""
    labels = {
        name: workload["spec"]["template"]["metadata"]["labels"]
        for name, workload in WORKLOADS.items()
    }
    for name, workload in WORKLOADS.items():
        if workload["kind"] != "Job":
            assert workload["spec"]["selector"]["matchLabels"] == labels[name]
        for spread in pod(name).get("topologySpreadConstraints", []):
            assert spread["labelSelector"]["matchLabels"] == labels[name]
    for name, service in of_kind("Service").items():
        assert service["spec"]["selector"] == labels[name]
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in {each["name"] for each in container(name)["ports"]}
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert budget["spec"]["selector"]["matchLabels"] == labels[name]


def test_workers_have_a_name_and_a_volume_each() -> None:
    """The instance is the pod's name, the state is on a volume of its own, and there is a partition for each worker."""
    router = WORKLOADS["router"]
    assert router["kind"] == "StatefulSet"
    (service,) = [n for n, s in of_kind("Service").items() if s["spec"].get("clusterIP") == "None"]
    assert router["spec"]["serviceName"] == service
    assert 2 <= router["spec"]["replicas"] <= int(SETTINGS["KAFKA_PARTITIONS"])
    assert environment("router")["ROUTER_INSTANCE"] == "router-0"
    claims = {claim["metadata"]["name"] for claim in router["spec"]["volumeClaimTemplates"]}
    places = [m["mountPath"] for m in container("router")["volumeMounts"] if m["name"] in claims]
    assert any(environment("router")["ROUTER_STATE_DIR"].startswith(f"{p}/") for p in places)


@pytest.mark.parametrize("name", ["ticker", "notifier", "console"])
def test_one_of_each_that_is_to_be_alone(name: str) -> None:
    """One replica, and the old one has ended before the new one starts."""
    assert WORKLOADS[name]["spec"]["replicas"] == 1
    assert WORKLOADS[name]["spec"]["strategy"] == {"type": "Recreate"}


def test_there_is_time_to_end() -> None:
    """Each grace period is longer than what the service takes at most to end by itself."""
    needed = {
        # The pause before the signal; what waits for the broker, and what is closed after it.
        "intake": 5 + 2 * IntakeSettings().ack_deadline_seconds,
        "router": 2 * LONGEST_COMMIT_SECONDS,
        # In services/router/__main__.py.
        "ticker": 10.0,
        # Two threads, as long again each.
        "notifier": 3 * DRAIN_SECONDS,
        # In services/console/app.py, and the pause.
        "console": 5 + 5 + 10.0,
    }
    for name, seconds in needed.items():
        assert pod(name)["terminationGracePeriodSeconds"] > seconds, name
    # A worker that is restarted in order keeps its partitions if it is back within its session.
    assert RouterSettings().session_timeout_seconds >= 10


@each_workload
def test_pods_are_confined(name: str) -> None:
    """Nobody is root, nothing can be written but volumes, and no pod has rights in the cluster."""
    spec, ours = pod(name), container(name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert ours["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= set(ours["resources"])


@each_workload
def test_what_is_mounted_is_there_and_what_is_read_is_mounted(name: str) -> None:
    """Volumes have two ends each; every path in a variable is a secret's key; the registry reaches every pod."""
    volumes = {volume["name"]: volume for volume in pod(name)["volumes"]}
    claims = WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])
    declared = {*volumes, *(claim["metadata"]["name"] for claim in claims), "registry"}
    mounts = {mount["name"]: mount["mountPath"] for mount in container(name)["volumeMounts"]}
    assert declared == set(mounts)
    assert mounts["registry"] == SETTINGS["AKAR_REGISTRY"]
    assert WORKLOADS[name]["metadata"]["labels"]["reads"] == "registry"
    secret = volumes["secrets"]["secret"]
    assert secret["secretName"] == "akar-secrets"
    keys = {f"{mounts['secrets']}/{item['path']}" for item in secret["items"]}
    read = {v for k, v in environment(name).items() if k.endswith("_FILE")}
    assert read == keys


def test_the_page_names_every_secret() -> None:
    """Whoever follows docs/kubernetes.md makes each key that a pod mounts, and no other."""
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    wanted = {
        item["key"]
        for name in WORKLOADS
        for volume in pod(name)["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
    assert set(re.findall(r"--from-file=([\w.-]+)", page)) == wanted
    assert "No cluster has run it yet" in page


def test_the_registry_arrives_as_it_is(tmp_path: Path) -> None:
    """The ConfigMap holds every file of the company, each is put back, and what a cluster mounts can be loaded."""
    (patch,) = KUSTOMIZATION["patches"]
    assert patch["target"] == {"labelSelector": "reads=registry"}
    ((operation),) = yaml.safe_load(patch["patch"])
    volume = operation["value"]
    (generator,) = [
        g for g in KUSTOMIZATION["configMapGenerator"] if g["name"] == volume["configMap"]["name"]
    ]
    sources = {key: FOLDER / path for key, path in (f.split("=") for f in generator["files"])}
    places = {item["key"]: item["path"] for item in volume["configMap"]["items"]}
    company = ROOT / "examples" / "shop"
    assert places.keys() == sources.keys()
    assert {key: (company / place).resolve() for key, place in places.items()} == {
        key: path.resolve() for key, path in sources.items()
    }
    assert set(places.values()) == {
        path.relative_to(company).as_posix() for path in company.rglob("*.toml")
    }

    # As a kubelet lays it out: files in a hidden folder, `..data` leading to it, and links to what lies there.
    data = tmp_path / "..2026_01_01_00_00_00.1"
    for key, place in places.items():
        target = data / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(sources[key].read_bytes())
    (tmp_path / "..data").symlink_to(data.name)
    for entry in data.iterdir():
        (tmp_path / entry.name).symlink_to(Path("..data") / entry.name)
    assert load(tmp_path).digest == load(company).digest
