"""Run that a trainer's command, script or configuration is written from, and spellings that several trainers share."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.workload.optimizers import OPTIMIZER_BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.workload.training import Training

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
MODULES = {"qv": ("q_proj", "v_proj"), "attention": ATTENTION, "mlp": FEED_FORWARD}
"""Names of the adapted modules in transformers' Llama-like models, by the value of ``lora_targets``."""
LORA_ALPHA = 8
"""Default scale of an adapter in ``LoraConfig``, which PEFT's LoRA-FA optimizer needs as an argument."""


UNNAMED = "PEFT's LoRA-FA has no name here: give it to the trainer as an object"
"""Reason why a configuration does not state the optimizer."""
DEEPSPEED_FILE = "deepspeed.json"
"""File of DeepSpeed's configuration, beside the trainer's own."""
TUNERS = {"sft": "SFT", "dpo": "DPO", "grpo": "GRPO"}
"""Beginnings of the names of TRL's classes, by the objective."""


class Run(Record):
    """Fine-tuning to be written down."""

    repository: str
    """Hugging Face repository or directory of the model."""
    task: str
    sees: bool
    """True if the model takes images."""
    dtype: str | None
    """PyTorch's name of the element type of 16-bit weights; None where the files state it, or bitsandbytes quantizes."""
    quantized: str | None
    """Kind of bitsandbytes quantization: ``nf4``, ``fp4``, ``int8``; None for other weights."""
    double: bool
    """True if the scales of 4-bit weights are quantized too."""
    flash_attention: bool
    images: int
    """Images in a sample."""
    image_size: tuple[int, int] | None
    """Width and height of each in pixels; None for the largest that the processor lets through."""
    gpus: int
    train: Training

    @property
    def kind(self) -> str:
        """Class of transformers that loads the model."""
        return "AutoModelForImageTextToText" if self.sees else "AutoModelForCausalLM"

    @property
    def modules(self) -> str:
        """Argument of ``LoraConfig`` for the adapted modules, as Python."""
        chosen = MODULES.get(self.train.lora_targets)
        return repr("all-linear" if chosen is None else list(chosen))

    @property
    def named_modules(self) -> tuple[str, ...]:
        """Names of the adapted modules, all of them spelled out."""
        return MODULES.get(self.train.lora_targets, (*ATTENTION, *FEED_FORWARD))

    @property
    def rows(self) -> int:
        """Samples of a step on one GPU, or answers where these are sampled in groups."""
        return self.train.rows(self.gpus)

    @property
    def optimizer(self) -> str | None:
        """Value of ``TrainingArguments.optim``; None for an optimizer that the Trainer takes as an object."""
        return OPTIMIZER_BY_NAME[self.train.optimizer].transformers


def truth(value: bool) -> str:
    """Word of YAML for a flag."""
    return "true" if value else "false"


def loading(run: Run) -> tuple[str, str]:
    """Imports for loading the model with transformers, and the arguments that state its precision."""
    names = f"from transformers import {run.kind}"
    if run.quantized == "int8":
        return f"{names}, BitsAndBytesConfig", "quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
    if run.quantized is not None:
        return f"import torch; {names}, BitsAndBytesConfig", (
            f"quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type={run.quantized!r}, "
            f"bnb_4bit_use_double_quant={run.double}, bnb_4bit_compute_dtype=torch.bfloat16)"
        )
    if run.train.mixed_precision and run.task == "full":
        return f"import torch; {names}", "dtype=torch.float32"
    if run.dtype is not None:
        return f"import torch; {names}", f"dtype=torch.{run.dtype}"
    return names, "dtype='auto'"


def adapter(run: Run) -> str:
    """``LoraConfig`` of a run, as Python."""
    more = f", lora_dropout={run.train.lora_dropout:g}" if run.train.lora_dropout else ""
    more += ", use_dora=True" if run.train.dora else ""
    if run.train.save_modules:
        more += ", modules_to_save=['embed_tokens', 'lm_head']"
    return f"LoraConfig(r={run.train.lora_rank}, target_modules={run.modules}{more})"


def samples(run: Run) -> str:
    """Length of the samples, and their images."""
    text = f"samples of {run.train.sequence_length} tokens"
    if run.images:
        each = "of the largest size" if run.image_size is None else "of {}x{} pixels".format(*run.image_size)
        text += f" with {run.images} image{'s' if run.images > 1 else ''} {each}"
    return text


def zero(run: Run) -> str:
    """Configuration of DeepSpeed for a run that ZeRO divides, as JSON (which is YAML and Python as well)."""
    train = run.train
    stage = f'"stage": {train.sharding[-1]}'
    if train.offload_optimizer or train.offload_parameters:
        stage += ', "offload_optimizer": {"device": "cpu"}'
    if train.offload_parameters:
        stage += ', "offload_param": {"device": "cpu"}'
    batch = '"train_micro_batch_size_per_gpu": "auto", "gradient_accumulation_steps": "auto"'
    return f'{{"zero_optimization": {{{stage}}}, {batch}, "bf16": {{"enabled": "auto"}}}}'


def divided(run: Run) -> str:
    """Arguments of ``TrainingArguments`` for how GPUs divide the states, each behind a comma; empty where they do not."""
    train = run.train
    if train.sharding.startswith("zero"):
        return f", deepspeed={zero(run)}"
    if train.sharding == "fsdp":
        offload = " offload" if train.offload_parameters or train.offload_optimizer else ""
        return f", fsdp='full_shard auto_wrap{offload}'"
    return ""


def zero_file(run: Run) -> list[str]:
    """Shell lines that write DeepSpeed's configuration; none where ZeRO divides nothing."""
    if not run.train.sharding.startswith("zero"):
        return []
    return heredoc(DEEPSPEED_FILE, [zero(run)]).splitlines()


def arguments(run: Run) -> str:
    """Arguments that every configuration of the Trainer has, as Python."""
    train = run.train
    found = f"per_device_train_batch_size={run.rows}, "
    if train.gradient_accumulation > 1:
        found += f"gradient_accumulation_steps={train.gradient_accumulation}, "
    found += f"gradient_checkpointing={train.gradient_checkpointing}, "
    if run.optimizer is not None:
        found += f"optim={run.optimizer!r}, "
    if train.fused_loss:
        found += "use_liger_kernel=True, "
    return f"{found}bf16=True{divided(run)}"


def optimizer_object(run: Run) -> tuple[str, str]:
    """Statement that makes LoRA-FA, which the Trainer has no name for, and the argument that hands it over."""
    if run.optimizer is not None:
        return "", ""
    # The Trainer adds its usual schedule to an optimizer that it receives itself.
    rank = f"r={run.train.lora_rank}, lora_alpha={LORA_ALPHA}, lr=settings.learning_rate"
    made = f", optimizers=(create_lorafa_optimizer(model, {rank}), None)"
    return "; from peft.optimizers import create_lorafa_optimizer", made


def launched(run: Run, code: str) -> str:
    """Python code, with the line that starts it on several GPUs before it."""
    return code if run.gpus == 1 else f"# torchrun --nproc-per-node {run.gpus} train.py\n{code}"


def heredoc(name: str, lines: list[str], *after: str) -> str:
    """Shell lines that write a file, and those ``after`` them."""
    return "\n".join([f"cat > {name} <<'END'", *lines, "END", *after])


def sampled(run: Run) -> str:
    """Arguments of TRL's ``GRPOConfig`` for the answers, and for the vLLM that samples them."""
    train = run.train
    text = f"max_completion_length={train.sequence_length}, num_generations={train.generations}"
    if train.vllm_gpu_memory_utilization is not None:
        share = f"vllm_gpu_memory_utilization={train.vllm_gpu_memory_utilization:g}"
        text += f", use_vllm=True, vllm_mode='colocate', {share}, vllm_enable_sleep_mode={train.vllm_sleep_mode}"
    return text
