"""Objects of Kubernetes and what is built on it, from the file to the answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import Ran, vramfit
from vramfit.manifests.read import is_manifest


def asked(text: str, *arguments: str) -> Ran:
    """``check --file -`` without the network."""
    return vramfit("check", "-f", "-", "--json", "--offline", *arguments, stdin=text)


CONTAINER = "{name: c, image: vllm/vllm-openai, args: [Qwen/Qwen3-8B, --max-model-len=8192], resources: {limits: {%s}}}"
ONE = CONTAINER % "nvidia.com/gpu: 1"
L4 = "nodeSelector: {cloud.google.com/gke-accelerator: nvidia-l4}"


@pytest.mark.parametrize(
    "text",
    [
        f"kind: Pod\nmetadata: {{name: n}}\nspec: {{containers: [{ONE}], {L4}}}",
        *[
            f"kind: {kind}\nmetadata: {{name: n}}\nspec: {{template: {{spec: {{containers: [{ONE}], {L4}}}}}}}"
            for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet")
        ],
        f"kind: CronJob\nmetadata: {{name: n}}\nspec: {{jobTemplate: {{spec: {{template: {{spec: {{containers: [{ONE}], {L4}}}}}}}}}}}",  # noqa: E501
        f"kind: List\nitems:\n- {{kind: Pod, metadata: {{name: n}}, spec: {{containers: [{ONE}], {L4}}}}}",
        '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n"}, "spec": {"containers": [{"name": "c", "image": '
        '"vllm/vllm-openai", "args": ["Qwen/Qwen3-8B", "--max-model-len=8192"], "resources": {"limits": {"nvidia.com/gpu": 1}}}],'
        ' "nodeSelector": {"cloud.google.com/gke-accelerator": "nvidia-l4"}}}',
        f"kind: LeaderWorkerSet\nmetadata: {{name: n}}\nspec: {{leaderWorkerTemplate: {{size: 1, workerTemplate: {{spec: "
        f"{{containers: [{ONE}], {L4}}}}}}}}}",
        f"kind: JobSet\nmetadata: {{name: n}}\nspec: {{replicatedJobs: [{{name: n, template: {{spec: {{template: {{spec: "
        f"{{containers: [{ONE}], {L4}}}}}}}}}}}]}}",
        f"kind: InferenceService\nmetadata: {{name: n}}\nspec: {{predictor: {{containers: [{ONE}], {L4}}}}}",
    ],
)
def test_every_kind_is_one_question(text: str) -> None:
    by_keys = vramfit(
        "check", "-g", "l4", "-m", "Qwen/Qwen3-8B", "--engine", "vllm", "--context", "8192", "--json", "--offline"
    ).estimates
    found = asked(text).estimates
    assert [one["required_bytes"] for one in by_keys] == [one["required_bytes"] for one in found]
    assert {"l4"} == {one["gpu"]["id"] for one in found}


def _pod(container: str, more: str = "") -> str:
    return f"kind: Pod\nmetadata: {{name: n}}\nspec:\n  containers:\n  - {container}\n{more}"


@pytest.mark.parametrize(
    ("gpus", "text", "flags"),
    [
        ("2xl4", _pod(CONTAINER % "nvidia.com/gpu: 2"), "-g l4 --tensor-parallel 2"),
        ("mi300x", _pod(CONTAINER % "amd.com/gpu: 1"), "-g mi300x"),
        ("custom:9059mib", _pod(CONTAINER % "nvidia.com/mig-1g.10gb: 1"), ""),
        ("8xh100-sxm", _pod(CONTAINER % "nvidia.com/gpu: 8", "  nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}"), "--tensor-parallel 8"),  # noqa: E501
        ("a10g", _pod(ONE, "  nodeSelector: {node.kubernetes.io/instance-type: g5.2xlarge}"), ""),
        ("h100-sxm", _pod(ONE, "  nodeSelector: {nvidia.com/gpu.product: Tesla-T4}"), "-g h100-sxm"),
        ("a100-sxm4-40gb", _pod(ONE, "  nodeSelector: {karpenter.k8s.aws/instance-gpu-name: a100}"), ""),
        ("l4", _pod("{image: vllm/vllm-openai, args: [Qwen/Qwen3-8B]}"), "-g l4"),
    ],
)  # fmt: skip
def test_gpus(gpus: str, text: str, flags: str) -> None:
    gpu = asked(text, "--context", "2048", *flags.split()).estimates[0]["gpu"]
    assert gpus == (gpu["id"] if gpu["count"] == 1 else f"{gpu['count']}x{gpu['id']}")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("<stdin>:5 names no GPU", _pod(ONE)),
        ("<stdin>:5 asks for no GPU", _pod("{image: vllm/vllm-openai, args: [Qwen/Qwen3-8B]}")),
        ('<stdin>:5: no GPU is known of machines "m5.large"', _pod(ONE, "  nodeSelector: {node.kubernetes.io/instance-type: m5.large}")),  # noqa: E501
        ('<stdin>:5: nvidia.com/gpu.product: GT-9: no GPU is called "GT-9"', _pod(ONE, "  nodeSelector: {nvidia.com/gpu.product: GT-9}")),  # noqa: E501
    ],
)  # fmt: skip
def test_what_is_missing_is_named(message: str, text: str) -> None:
    ran = asked(text)
    assert (2, message) == (ran.code, ran.estimates[0]["error"]["message"])


MAPPED = """\
kind: ConfigMap
metadata: {name: m}
data: {MODEL: Qwen/Qwen3-8B, LEN: "8192"}
---
kind: Pod
metadata: {name: n}
spec:
  containers:
  - image: vllm/vllm-openai
    args: [$(MODEL), --max-model-len, $(P_LEN), --api-key, $(KEY)]
    envFrom: [{prefix: P_, configMapRef: {name: m}}, {secretRef: {name: hidden}}]
    env:
    - {name: MODEL, valueFrom: {configMapKeyRef: {name: m, key: MODEL}}}
    - {name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}
    resources: {limits: {nvidia.com/gpu: 1, memory: 64Gi}}
"""


def test_variables_of_config_maps_and_secrets() -> None:
    """A Secret in a flag that does not matter is no matter; variables that the file lacks are noted."""
    estimate = asked(MAPPED, "-g", "l4").estimates[0]
    deployment: dict[str, Any] = estimate["deployment"]
    assert ("qwen3-8b", 8192, "64GiB") == (estimate["model"]["id"], deployment["context"], deployment["ram"])
    assert 'variables of Secret "hidden" are not in the file, and not in this answer' in estimate["assumptions"]


def test_a_model_of_unknown_name_is_asked_for() -> None:
    text = MAPPED.replace("configMapKeyRef: {name: m, key: MODEL}", 'secretKeyRef: {name: "s", key: k}')
    ran = asked(text, "-g", "l4")
    error = ran.estimates[0]["error"]
    assert ran.code == 2
    assert "MODEL" in error["message"]
    assert 'MODEL comes from Secret "s"' in error["hint"]


def test_nothing_known_is_an_error_that_names_what_there_is() -> None:
    text = "kind: Service\nmetadata: {name: a}\n---\nkind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: c, image: nginx}]}"  # noqa: E501
    ran = vramfit("check", "-f", "-", stdin=text)
    assert (2, "") == (ran.code, ran.out)
    assert ran.err.startswith("error: <stdin>: nothing in it starts a program that is known: Service")
    assert '"b" (line 6)' in ran.err


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (False, "deployments: [{gpu: l4}]"), (False, "defaults: {kind: x}\ndeployments: []"), (False, "models: []"),
        (True, "services: {}"), (True, "# x\nkind: Pod"), (True, '{\n "kind": "Pod"}'), (True, "[Service]\nExecStart=x"),
        (True, "modelArtifacts: {}"), (False, "  kind: Pod"),
    ],
)  # fmt: skip
def test_files_are_told_apart(expected: bool, text: str) -> None:
    assert expected == is_manifest(text)
