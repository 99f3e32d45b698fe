"""Each rule refuses what it is for, at the right place, and the shipped data break none."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from vramfit.catalogue.files import data_directory
from vramfit.curation.lint import RULES, check
from vramfit.curation.overlay import built_in

if TYPE_CHECKING:
    from vramfit.curation.lint import Finding

HEAD = """\
sources: {sheet: {name: a data sheet}}
gpus:
"""
CARD = """\
  - id: card
    name: Card One
    vendor: nvidia
    segment: consumer
    compute_target: sm_89
    vram_gb: 24
    memory: {type: GDDR6X, bus_bits: 384, data_rate_gbps: 21, bandwidth_gb_s: 1008}
    chip: {cores: 16384, sms: 128, tensor_cores: 512, tdp_w: 450}
    tflops: {fp32: 82.6, fp16: 165, fp8: 330}
    precisions: {fp16: fast, bf16: true, fp8: true, fp4: false}
    sources: [sheet]
"""
MODEL_HEAD = """\
sources: {sheet: a model card}
architectures: {llama: {}}
families: {kin: {architecture: llama}}
models:
"""
MODEL = """\
  - id: kin-13b
    name: Kin 13B
    family: kin
    released: "2023-07"
    layers: 40
    hidden: 5120
    ffn: 13824
    heads: 40
    vocab: 32000
    context: 4096
    sources: [sheet]
"""
EYE = """\
    vision: {kind: clip, layers: 2, hidden: 64, ffn: 256, heads: 4, patch: 14, image_size: 28,
             image_tokens: {rule: fixed, tokens: 4}}
"""

# Rule, what is changed in the sound card (or added to the file), and the line it is told at.
GPU_FAULTS: list[tuple[str, str, str, int]] = [
    ("implausible-value", "vram_gb: 24", "vram_gb: 24000", 8),
    ("implausible-value", "tdp_w: 450", "tdp_w: 450000", 10),
    ("bandwidth", "bandwidth_gb_s: 1008", "bandwidth_gb_s: 1080", 9),
    ("bandwidth", "bandwidth_gb_s: 1008", "bandwidth_gb_s: 8064", 9),
    (
        "implausible-reading",
        "    sources:",
        "    reported: [{mib: 24564000, by: cuda, source: sheet}]\n    sources:",
        13,
    ),
    ("implausible-reading", "vram_gb: 24", "vram_gb: null\n    reported: [{mib: 4096, by: cuda, source: sheet}]", 9),
    ("usable-beyond-memory", "    sources:", "    usable: {macos_mib: 26800}\n    sources:", 13),
    ("power-range", "tdp_w: 450", "tdp_w: 450, tdp_max_w: 175", 10),
    ("cores-per-unit", "cores: 16384", "cores: 10240", 10),
    ("sparse-rate", "fp8: 330", "fp8: 1321", 11),
    ("types-of-target", "fp4: false", "fp4: true", 12),
    ("types-of-target", "fp8: true", "fp8: false", 12),
    ("rate-of-absent-type", "fp8: 330", "fp8: 330, fp4: 660", 11),
    ("ecc-of-memory", "type: GDDR6X", "type: HBM3, ecc: inline", 9),
    ("ecc-of-memory", "type: GDDR6X", "type: GDDR6X, ecc: native", 9),
    ("impossible-date", "    vendor:", '    released: "2024-02-30"\n    vendor:', 5),
    (
        "implausible-rent",
        "    sources:",
        RENT := "    rents: [{provider: x, usd_per_hour: 99, as_of: now, source: sheet}]\n    sources:",
        13,
    ),
    (
        "rent-by-count",
        "    sources:",
        RENT.replace("99", "1").replace("}]", "}, {provider: x, usd_per_hour: 2, as_of: now, source: sheet}]"),
        13,
    ),
    (
        "rent-by-count",
        "    sources:",
        RENT.replace("99", "2").replace("}]", "}, {provider: x, gpus: 2, usd_per_hour: 1, as_of: now, source: sheet}]"),
        13,
    ),
    ("undated-rent", "    sources:", RENT.replace("as_of: now, ", ""), 13),
    ("foreign-pci-id", "    sources:", '    pci: ["1002:744c"]\n    sources:', 13),
    ("foreign-compute-target", "sm_89", "gfx1100", 7),
    ("needless-alias", "    sources:", "    aliases: [card-one]\n    sources:", 13),
    ("alias-clash", "    sources:", "    aliases: [rtx 4090]\n    sources:", 13),
    ("duplicate-id", "    sources: [sheet]\n", f"    sources: [sheet]\n{CARD.replace('Card One', 'Card Two')}", 14),
    ("missing-source", "    sources: [sheet]\n", "", 3),
    ("unknown-source", "[sheet]", "[sheat]", 13),
    ("unused-source", HEAD, HEAD.replace("}}", "}, other: {name: unused}}"), 1),
    ("unused-family", HEAD, f"families: {{kin: {{vendor: nvidia}}}}\n{HEAD}", 1),
    ("shape", "    vendor: nvidia\n", "", 3),
    ("shape", "vram_gb: 24", "vramgb: 24", 8),
    ("shape", "vram_gb: 24", 'vram_gb: "24"', 8),
    ("shape", "    vendor:", "    family: nobody\n    vendor:", 5),
    ("yaml", "vram_gb: 24", "vram_gb: 24\n    vram_gb: 32", 9),
]

MODEL_FAULTS: list[tuple[str, str, str, int]] = [
    ("implausible-size", "vocab: 32000", "vocab: 3", 13),
    ("size-in-name", "layers: 40", "layers: 80", 6),
    ("window-beyond-context", "    sources:", "    pattern: sliding\n    window: 9000\n    sources:", 16),
    ("modality-of-tower", "    sources:", f"{EYE}    sources:", 5),
    ("impossible-month", '"2023-07"', '"2023-13"', 8),
    ("ollama-tag", "    sources:", '    ollama: ["kin 13b"]\n    sources:', 15),
    ("model-alias-clash", "    sources:", "    hf: [meta-llama/Llama-2-7b-hf]\n    sources:", 15),
    ("empty-field", "layers: 40", "layers: 40\n    licence:", 10),
    ("unknown-scheme", "    sources:", "    quantized: {kin/Kin-13B-FP8: fp9}\n    sources:", 15),
    ("duplicate-model-id", "    sources: [sheet]\n", f"    sources: [sheet]\n{MODEL.replace('Kin 13B', 'Two 13B')}", 16),
    ("missing-model-source", "    sources: [sheet]\n", "", 5),
    ("unused-table-entry", "{kin:", "{other: {}, kin:", 3),
    ("shape", "layers: 40", "layer: 40", 9),
    ("shape", "family: kin", "family: kim", 7),
    ("shape", "    heads: 40\n", "    heads: 40\n    kv_heads: 7\n", 13),
]  # fmt: skip


@pytest.fixture(scope="module")
def under() -> dict[str, Any]:
    directory = data_directory()
    assert directory is not None
    return built_in(directory)


def found(text: str, under: dict[str, Any], *, needed_only: bool = False) -> list[Finding]:
    return check(text.encode(), "f.yaml", under, needed_only=needed_only).findings


def test_every_rule_has_a_case() -> None:
    """A new rule without a case here is a rule nobody has seen at work."""
    covered = {name for name, *_ in GPU_FAULTS + MODEL_FAULTS} - {"shape", "yaml"}
    assert covered == {rule.name for rule in RULES}


def test_every_rule_says_what_it_refuses() -> None:
    """In its first line, and by a name of its own."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.faults.__doc__, rule.name


def test_sound_entries_pass(under: dict[str, Any]) -> None:
    """What the cases below change is without fault itself."""
    assert found(HEAD + CARD, under) == []
    assert found(MODEL_HEAD + MODEL, under) == []


@pytest.mark.parametrize(("rule", "sound", "wrong", "line"), GPU_FAULTS)
def test_gpu_rules(under: dict[str, Any], rule: str, sound: str, wrong: str, line: int) -> None:
    """Each fault is found by its rule, on its line."""
    text = (HEAD + CARD).replace(sound, wrong, 1)
    assert (rule, line) in [(finding.rule, finding.fault.line) for finding in found(text, under)]


@pytest.mark.parametrize(("rule", "sound", "wrong", "line"), MODEL_FAULTS)
def test_model_rules(under: dict[str, Any], rule: str, sound: str, wrong: str, line: int) -> None:
    """Each fault is found by its rule, on its line."""
    text = (MODEL_HEAD + MODEL).replace(sound, wrong, 1)
    assert (rule, line) in [(finding.rule, finding.fault.line) for finding in found(text, under)]


@pytest.mark.parametrize("name", ["gpus.yaml", "models.yaml"])
def test_the_shipped_data_have_no_fault(name: str) -> None:
    """Not one, by any rule."""
    directory = data_directory()
    assert directory is not None
    path = os.path.join(directory, name)
    with open(path, "rb") as file:
        checked = check(file.read(), name, {})
    assert [str(finding.fault) for finding in checked.findings] == []
    assert checked.subject is not None
    assert len(checked.subject.entries) > 300


def test_all_faults_of_a_file_are_told_in_one_run(under: dict[str, Any]) -> None:
    """A misspelt field, a duplicate key and a YAML trap hide neither each other nor what the rules find."""
    text = textwrap.dedent("""\
        sources: {sheet: {name: a data sheet}}
        gpus:
          - id: card
            name: Card One
            vendor: nvidia
            segment: consumer
            vram_gb: 24
            vram_gb: 32
            price_usd: 1e9
            memory: {typ: GDDR6X, bus_bits: 384, data_rate_gbps: 21, bandwidth_gb_s: 2016}
          - {id: card, name: Card Two, family: ada-gefore, vram_gb: 8, sources: [sheet]}
    """)
    assert [str(finding.fault) for finding in found(text, under)] == [
        "f.yaml:3:5 gpus[0].sources: no source is named; "
        "add its key to sources:, and describe it in the table at the head of the file",
        'f.yaml:8:5 gpus[0].vram_gb: duplicate key "vram_gb"; the first one is on line 7',
        "f.yaml:9:16 gpus[0].price_usd: 1e9 is not read as a plain decimal number; "
        'write all its digits (1000000000, not 1e9), or "1e9" for text',
        "f.yaml:10:14 gpus[0].memory.typ: unknown field; did you mean type?",
        "f.yaml:10:78 gpus[0].memory.bandwidth_gb_s: 2016 GB/s is not 384 bits / 8 × 21 Gbit/s = 1008.0 GB/s; "
        "the double data rate counted twice?",
        'f.yaml:11:10 gpus[1].id: the id "card" is used twice; the first one is on line 3; copied and not changed?',
        'f.yaml:11:40 gpus[1].family: there is no family "ada-gefore"; did you mean ada-geforce?',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a", "f.yaml:1:1: a mapping is expected at the top of the file"),
        ("a: 1", "f.yaml:1:1: holds neither gpus: nor models:"),
        ("gpus: []\nmodels: []", "f.yaml:1:1: holds both GPUs and models"),
        ("gpus: 5", "f.yaml:1:7 gpus: a list of entries is expected"),
        ("gpus: [5]", "f.yaml:1:8 gpus[0]: a mapping is expected"),
        ("models: [5]", "f.yaml:1:10 models[0]: a mapping is expected"),
        ("gpus: []\nsources: 5", "f.yaml:2:10 sources: a mapping is expected"),
        ("models: []\nfamilies: 5", "f.yaml:2:11 families: a mapping is expected"),
        ("gpus: []\nnothing: 5", "f.yaml:2:1 nothing: unknown field"),
        ("gpus: [{id: [1], name: {}, vram_gb: no}]", "f.yaml:1:13 gpus[0].id: text is expected"),
        ("models: [{id: {}, sources: 5}]", "f.yaml:1:15 models[0].id: text is expected"),
        ("gpus: [1,\n", "f.yaml:2:1: not YAML"),
    ],
)
def test_files_of_the_wrong_shape(under: dict[str, Any], text: str, problem: str) -> None:
    """Whatever stands in a file, the answer is a fault with its place."""
    assert any(str(finding.fault).startswith(problem) for finding in found(text, under))


def test_an_entry_of_a_known_id_may_be_partial(under: dict[str, Any]) -> None:
    """It changes fields of the entry below, and is checked together with it."""
    assert found("gpus: [{id: rtx4090, price_usd: 1499}]", under, needed_only=True) == []
    wrong = found("gpus: [{id: rtx4090, memory: {bandwidth_gb_s: 2016}}]", under, needed_only=True)
    assert [finding.rule for finding in wrong] == ["bandwidth"]


def test_prices_laid_over_a_card_need_no_source_of_its_facts(under: dict[str, Any]) -> None:
    """A rent names its own source; anything else that is said of the card needs one."""
    table = "sources: {bill: {name: a bill of 2026-11-01}}\ngpus:\n"
    rent = '{provider: vast, usd_per_hour: 0.31, as_of: "2026-11-01", source: bill}'
    prices = f"{table}  - {{id: rtx4090, price_usd: 1234, rents: [{rent}]}}\n"
    assert found(prices, under) == []
    more = f"{table}  - {{id: rtx4090, rents: [{rent}], note: mine}}\n"
    assert ["no source is named" in str(one.fault) for one in found(more, under)] == [True]


def test_provenance_is_not_asked_where_a_file_is_only_used(under: dict[str, Any]) -> None:
    """The source of a user's own figure is the user."""
    text = (HEAD + CARD).replace("    sources: [sheet]\n", "")
    assert [finding.rule for finding in found(text, under)] == ["unused-source", "missing-source"]
    assert found(text, under, needed_only=True) == []


# What a contributor writes, and what is said of it.
HINTS: list[tuple[str, str, str]] = [
    ("layers: 40", "num_hidden_layers: 40", "it is called layers here"),
    ("ffn: 13824", "intermediate_size: 13824", "it is called ffn here"),
    ("heads: 40", "heads: 40\n    license: mit", "it is called licence here"),
    ("layers: 40", "layers: 40\n    parameters: 13000000000", "leave it out: it is computed from the tensors"),
    ("layers: 40", "layers: 40\n    dtype: bfloat16", "did you mean bf16?"),
    ("layers: 40", "layers: 40\n    hf: [https://huggingface.co/kin/Kin]", "write organisation/name, as on the"),
    ("layers: 40", "layers: 40\n    headdim: 128", "did you mean head_dim?"),
    ("id: kin-13b", "id: Kin 13B", "write small letters, digits and hyphens"),
    ('"2023-07"', '"July 2023"', "write year-month, as in 2026-01, in quotes"),
    ('"2023-07"', "2023-07-18", 'write "2023-07-18"'),
    ("vocab: 32000", "vocab: 32,000", "write all its digits"),
    ("vocab: 32000", "vocab:32000", "a space stands behind the colon"),
    ("    heads: 40", "   heads: 40", "fields of one entry begin in one column"),
    ("    heads: 40", "\theads: 40", "indent with spaces, not tabs"),
    ("layers: 40", "layers: 040", "write all its digits"),
    ("layers: 40", "layers: 40\n    tied: yes", "write true"),
]


@pytest.mark.parametrize(("old", "new", "hint"), HINTS, ids=[new.splitlines()[-1].strip() for _, new, _ in HINTS])
def test_usual_mistakes_are_told_how_to_mend_them(old: str, new: str, hint: str, under: dict[str, Any]) -> None:
    told = found((MODEL_HEAD + MODEL).replace(old, new, 1), under)

    assert any(hint in (finding.fault.hint or "") for finding in told), [str(finding.fault) for finding in told]
