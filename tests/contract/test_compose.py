"""The containers: no engine runs here, so every name in their files is held against the code.

The compose file is checked against a closed schema of the part of the Compose Specification that it uses; commands, ports,
paths and variables against modules, settings classes, health paths and the embedded broker's options.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from services.chassis.health import Health
from services.console.settings import ConsoleSettings
from services.intake.channels import read_channels
from services.local.properties import BROKER_OPTIONS
from services.notifier.receivers import parse

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
SCHEMA = json.loads((Path(__file__).parent / "compose.schema.json").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
IMAGE = {"AKAR_SERVICE"}  # variables of the image itself

each_of_ours = pytest.mark.parametrize("name", sorted(OURS))


def module_of(service: dict[str, Any]) -> str:
    """The module that a container runs, as the image's entry point finds it."""
    built = f"services.{service['build']['args']['SERVICE']}"
    return str(service["environment"].get("AKAR_SERVICE", built))


def settings_classes() -> Iterator[type[BaseSettings]]:
    for path in sorted((ROOT / "services").rglob("settings.py")):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseSettings):
                yield value


def variables() -> set[str]:
    """Every environment variable that a settings class of ours reads, with `_FILE` for secrets."""
    found = set()
    for settings in settings_classes():
        prefix = settings.model_config.get("env_prefix", "")
        for field, info in settings.model_fields.items():
            name = f"{prefix}{field}".upper()
            found.add(name)
            if "SecretStr" in str(info.annotation) or info.annotation is SecretStr:
                found.add(f"{name}_FILE")
    return found


def test_keeps_the_compose_specification() -> None:
    """Only words that the specification has, at places where it has them."""
    jsonschema.Draft202012Validator(SCHEMA).validate(COMPOSE)


@pytest.mark.parametrize(
    "damage",
    [
        lambda services: services["intake"].update(healtcheck={}),
        lambda services: services["intake"]["depends_on"].update(kafka={"condition": "healthy"}),
        lambda services: services["intake"].update(ports=["8080:8080"]),
        lambda services: services["kafka"]["environment"].update(KAFKA_NODE_ID=1),
        lambda services: services["router"]["healthcheck"].update(interval="5"),
    ],
)
def test_the_schema_refuses_a_mistake(damage: Any) -> None:
    """The check above is able to fail: misspelt words, wrong conditions, ports open to the world, unquoted numbers."""
    document = json.loads(json.dumps(COMPOSE))
    damage(document["services"])

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


@each_of_ours
def test_the_command_is_a_module_of_ours(name: str) -> None:
    """What the container runs can be run by `python -m`, and is what the image was built for."""
    module = module_of(OURS[name])

    spec = importlib.util.find_spec(module)
    assert spec is not None, module
    if spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{module}.__main__")
    assert spec is not None, f"{module} has no __main__"
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    assert '__name__ == "__main__"' in source
    for argument in OURS[name].get("command", []):
        assert f'"{argument}"' in source, f"{module} takes no argument {argument}"


@each_of_ours
def test_the_image_has_what_the_service_imports(name: str) -> None:
    """The extra that the image installs brings every package that the service's modules import."""
    service = OURS[name]
    extra = service["build"]["args"]["SERVICE"]

    needed = outside_packages(module_of(service))

    installed = distributions(extra)
    by_package = importlib.metadata.packages_distributions()
    for package in sorted(needed):
        providers = {canonicalize_name(found) for found in by_package.get(package, [])}
        assert providers & installed, f"akar[{extra}] lacks {package}, which {name} imports"


def outside_packages(module: str) -> set[str]:
    """What a module and every module of ours that it imports need from outside, imports inside functions included."""
    import sys

    needed: set[str] = set()
    seen: set[str] = set()
    queue = [module, f"{module}.__main__"]
    while queue:
        current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        path = ROOT / current.replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not file.exists():
            continue
        queue.append(current.rpartition(".")[0])
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            for found in names:
                top = found.split(".")[0]
                if top in {"services", "schemas"}:
                    queue.append(found)
                elif top not in sys.stdlib_module_names:
                    needed.add(top)
    return needed


def distributions(extra: str) -> set[str]:
    """Every distribution that `akar[extra]` brings, by this project's file and the installed metadata."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: set[str] = set()
    queue = [Requirement(text) for text in project["dependencies"]]
    queue += [Requirement(text) for text in project["optional-dependencies"][extra]]
    seen = set()
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        if name == "akar":
            for other in requirement.extras:
                queue += [Requirement(text) for text in project["optional-dependencies"][other]]
            continue
        found.add(name)
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                try:
                    importlib.metadata.version(needed.name)
                except importlib.metadata.PackageNotFoundError:
                    continue
                queue.append(needed)
    return found


@each_of_ours
def test_every_variable_is_one_that_the_code_reads(name: str) -> None:
    """No variable in the compose file is misspelt or forgotten by the code."""
    known = variables() | IMAGE

    assert set(OURS[name]["environment"]) <= known


@each_of_ours
def test_the_settings_accept_the_values(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every settings class of ours takes the container's environment, and the console is not open without a key."""
    for key, value in OURS[name]["environment"].items():
        filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        filled = re.sub(r"\$\{[^}]*\}", "a-long-enough-secret", filled)
        if filled.startswith("/run/secrets/"):
            secret = tmp_path / filled.rpartition("/")[2]
            secret.write_text("a-long-enough-secret\n")
            filled = str(secret)
        monkeypatch.setenv(key, filled)

    for settings in settings_classes():
        read = settings()
        if isinstance(read, ConsoleSettings) and name == "console":
            assert read.keys() == ("a-long-enough-secret",)


def test_every_variable_of_the_image_is_one_that_somebody_reads() -> None:
    """The image sets Python's own variables, one of the shell's, and settings of ours."""
    set_there = set(re.findall(r"^\s*(?:ENV\s+)?([A-Z][A-Z0-9_]*)=", DOCKERFILE, re.MULTILINE))
    python_or_pip = {
        "PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_DISABLE_PIP_VERSION_CHECK",
    }  # fmt: skip

    assert "AKAR_DATA_DIR" in set_there
    assert set_there <= variables() | IMAGE | python_or_pip


@each_of_ours
def test_ports_and_health_paths_are_the_services_own(name: str) -> None:
    """A health check asks the port that the service was told to open, on a path that it serves."""
    service = OURS[name]
    ports = {value for key, value in service["environment"].items() if key.endswith("_PORT")}
    hosts = {value for key, value in service["environment"].items() if key.endswith("_HOST")}
    for published in service.get("ports", []):
        assert published.rpartition(":")[2] in ports
    if "healthcheck" in service:
        url = urlsplit(service["healthcheck"]["test"][-1])
        assert str(url.port) in ports
        assert Health().answer(url.path) is not None, f"no service serves {url.path}"
        assert hosts == {"0.0.0.0"}, "inside a container the service listens on its own address"


def test_each_service_that_serves_health_is_checked() -> None:
    """A service with a port of its own has a health check; so have the broker and the database."""
    for name, service in SERVICES.items():
        serves = any(key.endswith("_PORT") for key in service["environment"])
        assert ("healthcheck" in service) == (serves or name in {"kafka", "postgres"}), name


def test_the_broker_has_the_options_of_the_embedded_one() -> None:
    """What makes one disk durable and a restart quick is the same in a container, but for the session that nobody ends there."""
    environment = SERVICES["kafka"]["environment"]

    for option, value in (BROKER_OPTIONS | {"broker.session.timeout.ms": "9000"}).items():
        assert environment.get("KAFKA_" + option.upper().replace(".", "_")) == value, option
    assert environment["KAFKA_LOG_DIRS"] in {
        volume.split(":")[1] for volume in SERVICES["kafka"]["volumes"]
    }


def test_the_broker_is_the_version_that_tests_run_against() -> None:
    """The image and the pinned jars are one version of Kafka."""
    version = SERVICES["kafka"]["image"].rpartition(":")[2]
    jars = (ROOT / "services" / "local" / "jars.lock").read_text(encoding="utf-8")

    assert (
        f"kafka-clients-{version}" in jars
        or f"kafka-clients:{version}" in jars
        or ("kafka-clients" in jars and version in jars)
    )


def test_clients_find_the_broker_and_the_databases() -> None:
    """Addresses lead to a service, a listener and a database that exist."""
    listeners = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    created = (ROOT / "deploy" / "postgres" / "databases.sql").read_text(encoding="utf-8")
    databases = {
        SERVICES["postgres"]["environment"]["POSTGRES_DB"],
        *re.findall(r"DATABASE (\w+)", created),
    }
    for service in OURS.values():
        environment = service["environment"]
        assert f"://{environment['KAFKA_BOOTSTRAP_SERVERS']}" in listeners
        for key, value in environment.items():
            if key.endswith("_DATABASE_URL"):
                url = urlsplit(re.sub(r"\$\{[^}]*\}", "secret", value))
                assert (url.hostname, url.path.strip("/") in databases) == ("postgres", True)
                assert service["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_start_order_waits_for_what_is_needed() -> None:
    """Topics are made once the broker is healthy, and no service starts before they are there."""
    assert SERVICES["provision"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert SERVICES["provision"]["restart"] == "no"
    for name, service in OURS.items():
        if name != "provision":
            waits = service["depends_on"]["provision"]["condition"]
            assert waits == "service_completed_successfully"


def test_what_is_named_is_declared_and_what_is_declared_is_used() -> None:
    """Volumes, networks, configs and secrets have two ends each."""
    used: dict[str, set[str]] = {
        "volumes": set(),
        "networks": set(),
        "configs": set(),
        "secrets": set(),
    }
    for service in SERVICES.values():
        used["networks"] |= set(service["networks"])
        used["secrets"] |= set(service.get("secrets", []))
        used["configs"] |= {entry["source"] for entry in service.get("configs", [])}
        for volume in service.get("volumes", []):
            if isinstance(volume, str):
                used["volumes"].add(volume.split(":")[0])
            elif not volume["source"].startswith("$"):
                assert (ROOT / volume["source"]).exists()
    for kind, names in used.items():
        assert names == set(COMPOSE[kind]), kind


@each_of_ours
def test_files_that_a_service_reads_are_mounted(name: str) -> None:
    """A path in a variable is where a registry, a config or a secret was put."""
    service = OURS[name]
    mounted = {entry["target"] for entry in service.get("configs", [])}
    mounted |= {f"/run/secrets/{secret}" for secret in service.get("secrets", [])}
    mounted |= {
        volume["target"] for volume in service.get("volumes", []) if isinstance(volume, dict)
    }
    for key, value in service["environment"].items():
        if key.endswith("_FILE"):
            assert value in mounted, key


def test_every_variable_that_the_compose_file_asks_for_is_in_the_example() -> None:
    """`deploy/.env.example` has each variable, and no other."""
    asked = set(re.findall(r"\$\{(\w+)", TEXT))
    asked |= {secret["environment"] for secret in COMPOSE["secrets"].values()}
    example = (ROOT / "deploy" / ".env.example").read_text(encoding="utf-8")

    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == asked


def test_example_configuration_is_valid() -> None:
    """The example files for channels and receivers are read by the services' own readers."""
    folder = ROOT / "deploy" / "config"

    channels = read_channels((folder / "channels.example.toml").read_text(encoding="utf-8"))
    receivers = parse(
        (folder / "receivers.example.toml").read_text(encoding="utf-8"),
        where="receivers.example.toml",
        allow_plain=False,
    )

    assert {channel.name for channel in channels} == {"warehouse", "web"}
    assert set(receivers) == {"packing"}


def test_containers_are_confined() -> None:
    """Nobody is root, nothing can be written but data, and no port is open beyond this machine."""
    assert "USER 10001:10001" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    assert DOCKERFILE.index("USER 10001") < DOCKERFILE.index("ENTRYPOINT")
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_what_the_image_copies_exists_and_reaches_the_build() -> None:
    """Each source of a COPY is a file of the repository that .dockerignore lets through."""
    let_through = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _target = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source in let_through or "requirements/*.lock" in let_through, source
