"""What each trainer's command, script or configuration says of a run: every setting that the estimate assumed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from vramfit.training.profile import written
from vramfit.training.script import Run
from vramfit.workload.training import Training


def run(
    task: str = "qlora", gpus: int = 1, *, flash: bool = True, size: tuple[int, int] | None = None, **keys: Any
) -> Run:
    """Fine-tuning of a model in 4 bits, or in bf16, with one image of ``size`` if there is one."""
    quantized = "nf4" if task == "qlora" else None
    dtype = None if quantized else "bfloat16"
    images = 0 if size is None else 1
    return Run("org/model", task, bool(size), dtype, quantized, True, flash, images, size, gpus, Training(**keys))


FOUR_BITS = (
    "import torch; from transformers import AutoModelForCausalLM, BitsAndBytesConfig; "
    "model = AutoModelForCausalLM.from_pretrained('org/model', quantization_config=BitsAndBytesConfig(load_in_4bit=True, "
    "bnb_4bit_quant_type='nf4', bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16))"
)
ZERO_3 = (
    '{"zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}, "offload_param": {"device": "cpu"}}, '
    '"train_micro_batch_size_per_gpu": "auto", "gradient_accumulation_steps": "auto", "bf16": {"enabled": "auto"}}'
)
SIXTEEN_BITS = (
    "import torch; from transformers import AutoModelForCausalLM; "
    "model = AutoModelForCausalLM.from_pretrained('org/model', dtype=torch.bfloat16"
)


@pytest.mark.parametrize(
    ("expected", "one"),
    [
        (
            f"{FOUR_BITS}; from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training; "
            "model = get_peft_model(prepare_model_for_kbit_training(model), LoraConfig(r=16, target_modules='all-linear')); "
            "from transformers import Trainer, TrainingArguments; settings = TrainingArguments("
            "per_device_train_batch_size=1, gradient_checkpointing=True, optim='adamw_torch', bf16=True); "
            "Trainer(model, settings, train_dataset=samples).train()  # samples of 2048 tokens",
            run(),
        ),
        (
            f"{SIXTEEN_BITS}, attn_implementation='eager'); "
            "from transformers import Trainer, TrainingArguments; settings = TrainingArguments("
            "per_device_train_batch_size=2, gradient_accumulation_steps=4, gradient_checkpointing=False, "
            "optim='paged_adamw_8bit', use_liger_kernel=True, bf16=True); "
            "Trainer(model, settings, train_dataset=samples).train()  # samples of 2048 tokens",
            run("full", flash=False, micro_batch=2, gradient_accumulation=4, gradient_checkpointing=False,
                optimizer="paged_adamw8bit", fused_loss=True),
        ),
        (
            "# torchrun --nproc-per-node 8 train.py\n"
            f"{SIXTEEN_BITS}); from trl import DPOConfig, DPOTrainer; settings = DPOConfig(max_length=512, "
            "per_device_train_batch_size=1, gradient_checkpointing=True, optim='adamw_torch', bf16=True, "
            f"deepspeed={ZERO_3}); "
            "DPOTrainer(model, args=settings, train_dataset=samples).train()",
            run("full", 8, objective="dpo", sequence_length=512, sharding="zero3", offload_parameters=True),
        ),
        (
            f"{FOUR_BITS}; from peft import LoraConfig, get_peft_model; model = get_peft_model(model, "
            "LoraConfig(r=8, target_modules=['q_proj', 'v_proj'], lora_dropout=0.1)); "
            "from peft.optimizers import create_lorafa_optimizer; from trl import SFTConfig, SFTTrainer; "
            "settings = SFTConfig(max_length=2048, per_device_train_batch_size=1, gradient_checkpointing=True, bf16=True); "
            "SFTTrainer(model, args=settings, train_dataset=samples, "
            "optimizers=(create_lorafa_optimizer(model, r=8, lora_alpha=8, lr=settings.learning_rate), None)).train()",
            run(trainer="trl", optimizer="lora_fa", lora_rank=8, lora_targets="qv", lora_dropout=0.1),
        ),
        (
            f"{SIXTEEN_BITS}); from peft import LoraConfig; from trl import GRPOConfig, GRPOTrainer; "
            "settings = GRPOConfig(max_completion_length=2048, num_generations=4, use_vllm=True, "
            "vllm_mode='colocate', vllm_gpu_memory_utilization=0.3, vllm_enable_sleep_mode=True, per_device_train_batch_size=4, "
            "gradient_checkpointing=True, optim='adamw_torch', bf16=True, fsdp='full_shard auto_wrap'); "
            "GRPOTrainer(model, args=settings, train_dataset=samples, peft_config=LoraConfig(r=16, "
            "target_modules='all-linear', use_dora=True, modules_to_save=['embed_tokens', 'lm_head']), "
            "reward_funcs=rewards).train()",
            run("lora", trainer="trl", objective="grpo", generations=4, sharding="fsdp", save_modules="embeddings",
                vllm_gpu_memory_utilization=0.3, vllm_sleep_mode=True, dora=True),
        ),
        (
            "from unsloth import FastLanguageModel; model, tokenizer = FastLanguageModel.from_pretrained('org/model', "
            "max_seq_length=4096, load_in_4bit=True); model = FastLanguageModel.get_peft_model(model, r=32, lora_dropout=0, "
            "target_modules=['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'], "
            "use_gradient_checkpointing='unsloth'); from trl import SFTConfig, SFTTrainer; settings = SFTConfig("
            "max_length=4096, per_device_train_batch_size=1, gradient_accumulation_steps=1, gradient_checkpointing=True, "
            "optim='adamw_8bit', bf16=True); "
            "SFTTrainer(model, args=settings, processing_class=tokenizer, train_dataset=samples).train()",
            run(trainer="unsloth", optimizer="adamw8bit", lora_rank=32, sequence_length=4096),
        ),
        (
            "# torchrun --nproc-per-node 2 train.py\n"
            "from unsloth import FastVisionModel; model, tokenizer = FastVisionModel.from_pretrained('org/model', "
            "max_seq_length=2048, load_in_4bit=False, full_finetuning=True, use_gradient_checkpointing=False, "
            "float32_mixed_precision=True, attn_implementation='eager', fast_inference=True, gpu_memory_utilization=0.5, "
            "unsloth_vllm_standby=True); from trl import GRPOConfig, GRPOTrainer; settings = GRPOConfig("
            "max_completion_length=2048, num_generations=8, use_vllm=True, vllm_mode='colocate', "
            "vllm_gpu_memory_utilization=0.5, vllm_enable_sleep_mode=True, per_device_train_batch_size=4, "
            "gradient_accumulation_steps=1, gradient_checkpointing=False, optim='adamw_torch', bf16=True); "
            "GRPOTrainer(model, args=settings, processing_class=tokenizer, train_dataset=samples, reward_funcs=rewards)"
            ".train()  # samples of 2048 tokens with 1 image of 448x336 pixels",
            run("full", 2, trainer="unsloth", objective="grpo", mixed_precision=True, gradient_checkpointing=False,
                flash=False, size=(448, 336), vllm_gpu_memory_utilization=0.5, vllm_sleep_mode=True),
        ),
        (
            "tune run lora_finetune_single_device --config YOUR_MODEL_qlora_single_device "
            "checkpointer.checkpoint_dir=org/model batch_size=1 tokenizer.max_seq_len=2048 dtype=bf16 "
            "gradient_accumulation_steps=1 enable_activation_checkpointing=True optimizer._component_=torch.optim.AdamW "
            "model.lora_rank=16 model.lora_attn_modules=['q_proj','v_proj'] model.apply_lora_to_mlp=False model.lora_dropout=0 "
            "model.use_dora=False loss=torchtune.modules.loss.CEWithChunkedOutputLoss",
            run(trainer="torchtune", lora_targets="qv"),
        ),
        (
            "# not in this command: optimizer lora_fa (torchtune cannot make PEFT's LoRA-FA: its recipe has to be changed)\n"
            "tune run --nproc_per_node 2 lora_dpo_distributed --config YOUR_MODEL_lora_dpo "
            "checkpointer.checkpoint_dir=org/model batch_size=1 tokenizer.max_seq_len=2048 dtype=bf16 "
            "gradient_accumulation_steps=1 enable_activation_checkpointing=True model.lora_rank=16 "
            "model.lora_attn_modules=['q_proj','k_proj','v_proj','output_proj'] model.apply_lora_to_mlp=True "
            "model.lora_dropout=0.1 model.use_dora=True fsdp_cpu_offload=True",
            run("lora", 2, trainer="torchtune", objective="dpo", optimizer="lora_fa", dora=True, lora_dropout=0.1,
                sharding="fsdp", offload_parameters=True),
        ),
        (
            "tune run lora_finetune_single_device --config YOUR_MODEL_lora_single_device "
            "checkpointer.checkpoint_dir=org/model batch_size=1 tokenizer.max_seq_len=2048 dtype=bf16 "
            "gradient_accumulation_steps=1 enable_activation_checkpointing=False "
            "optimizer._component_=bitsandbytes.optim.AdamW8bit ~optimizer.fused model.lora_rank=16 "
            "model.lora_attn_modules=['q_proj','k_proj','v_proj','output_proj'] model.apply_lora_to_mlp=False "
            "model.lora_dropout=0 model.use_dora=False loss=torchtune.modules.loss.CEWithChunkedOutputLoss",
            run("lora", trainer="torchtune", lora_targets="attention", optimizer="adamw8bit", gradient_checkpointing=False),
        ),
        (
            "tune run --nproc_per_node 2 full_finetune_distributed --config YOUR_MODEL_full "
            "checkpointer.checkpoint_dir=org/model batch_size=1 tokenizer.max_seq_len=2048 dtype=bf16 "
            "gradient_accumulation_steps=1 enable_activation_checkpointing=True "
            "optimizer._component_=bitsandbytes.optim.PagedAdamW8bit ~optimizer.fused optimizer_in_bwd=True "
            "loss=torchtune.modules.loss.CEWithChunkedOutputLoss fsdp_cpu_offload=True",
            run("full", 2, trainer="torchtune", optimizer="paged_adamw8bit", optimizer_in_backward=True,
                sharding="fsdp", offload_parameters=True),
        ),
        (
            "# not in this command: optimizer adamw (LitGPT trains 4-bit models with bitsandbytes' PagedAdamW alone: another one "
            "needs other code)\n"
            "litgpt finetune_lora org/model --precision bf16-true --devices 2 --train.max_seq_length 2048 "
            "--train.micro_batch_size 3 --train.global_batch_size 24 --quantize bnb.nf4-dq --lora_r 16 --lora_dropout 0 "
            "--lora_query true --lora_key true --lora_value true --lora_projection true --lora_mlp false "
            "--optimizer AdamW",
            run("qlora", 2, trainer="litgpt", micro_batch=3, gradient_accumulation=4, lora_targets="attention"),
        ),
        (
            "litgpt finetune_full org/model --precision bf16-mixed --devices 1 --train.max_seq_length 2048 "
            "--train.micro_batch_size 1 --train.global_batch_size 1 --optimizer bitsandbytes.optim.PagedAdamW8bit",
            run("full", trainer="litgpt", mixed_precision=True, optimizer="paged_adamw8bit"),
        ),
        (
            "# not in this command: optimizer lora_fa (LitGPT cannot make PEFT's LoRA-FA: its script has to be changed)\n"
            "litgpt finetune_lora org/model --precision bf16-true --devices 1 --train.max_seq_length 2048 "
            "--train.micro_batch_size 1 --train.global_batch_size 1 --lora_r 16 --lora_dropout 0 "
            "--lora_query true --lora_key true --lora_value true --lora_projection true --lora_mlp true",
            run("lora", trainer="litgpt", optimizer="lora_fa"),
        ),
        (
            "torchrun --nproc_per_node 2 finetune.py --model_name_or_path org/model --bf16 True --lazy_preprocess True "
            "--model_max_length 2048 --per_device_train_batch_size 1 --gradient_accumulation_steps 1 "
            "--gradient_checkpointing True --optim adamw_torch --use_lora --lora_r 16 "
            "--lora_dropout 0.05 --lora_target_modules c_attn c_proj w1 w2 --deepspeed finetune/ds_config_zero2.json",
            run("lora", 2, trainer="qwen", sharding="zero2", lora_dropout=0.05),
        ),
        (
            f"cat > deepspeed.json <<'END'\n{ZERO_3}\nEND\n"
            "python finetune.py --model_name_or_path org/model --bf16 True --lazy_preprocess True "
            "--model_max_length 2048 --per_device_train_batch_size 1 --gradient_accumulation_steps 1 "
            "--gradient_checkpointing True --optim adamw_torch --deepspeed deepspeed.json",
            run("full", trainer="qwen", sharding="zero3", offload_parameters=True),
        ),
    ],
)  # fmt: skip
def test_code_and_commands(expected: str, one: Run) -> None:
    assert expected == written(one)


def configuration(one: Run) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The YAML that shell lines write, read again, DeepSpeed's configuration, and the command behind them."""
    before, _, rest = written(one).rpartition("cat > config.yaml <<'END'\n")
    text, _, command = rest.partition("\nEND\n")
    zero = before.removeprefix("cat > deepspeed.json <<'END'\n").removesuffix("\nEND\n")
    return yaml.safe_load(text), json.loads(zero or "{}"), command


SAMPLE = {"micro_batch_size": 1, "gradient_accumulation_steps": 1, "sequence_len": 2048}
FLASH = {"attn_implementation": "flash_attention_2", "bf16": True}


@pytest.mark.parametrize(
    ("expected", "one"),
    [
        (
            {
                "adapter": "qlora", "load_in_4bit": True, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0,
                "bnb_config_kwargs": {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
                "lora_target_modules": ["gate_proj", "up_proj", "down_proj"], "peft_use_dora": True,
                "lora_modules_to_save": ["embed_tokens", "lm_head"], "rl": "dpo", **SAMPLE, **FLASH,
                "gradient_checkpointing": True, "optimizer": "adamw_torch", "cut_cross_entropy": True,
                "plugins": ["axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin"],
                "deepspeed": "deepspeed.json",
            },
            run(lora_targets="mlp", save_modules="embeddings", fused_loss=True, objective="dpo", sharding="zero3",
                offload_parameters=True, dora=True, trainer="axolotl"),
        ),
        (
            {
                **SAMPLE, "gradient_checkpointing": False, "optimizer": "paged_adamw_8bit", "bf16": True,
                "attn_implementation": "eager", "fsdp_version": 2,
                "fsdp_config": {
                    "offload_params": False, "auto_wrap_policy": "TRANSFORMER_BASED_WRAP", "reshard_after_forward": True,
                },
            },
            run("full", 2, trainer="axolotl", sharding="fsdp", flash=False, gradient_checkpointing=False,
                optimizer="paged_adamw8bit"),
        ),
        (
            {
                "adapter": "lora", "load_in_4bit": False, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.1,
                "lora_target_linear": True, "rl": "grpo", "vllm": {"gpu_memory_utilization": 0.3},
                "trl": {
                    "num_generations": 4, "max_completion_length": 2048, "use_vllm": True, "vllm_mode": "colocate",
                    "vllm_enable_sleep_mode": False,
                },
                **SAMPLE, **FLASH, "micro_batch_size": 4, "gradient_checkpointing": True, "optimizer": "adamw_torch",
            },
            run("lora", trainer="axolotl", objective="grpo", generations=4, lora_dropout=0.1,
                vllm_gpu_memory_utilization=0.3),
        ),
    ],
)  # fmt: skip
def test_axolotl_s_configuration(expected: dict[str, Any], one: Run) -> None:
    """Read by axolotl 0.19.0's own class (``AxolotlInputConfig``) as well, when this was written."""
    found, zero, command = configuration(one)
    assert command == "axolotl train config.yaml"
    assert {"base_model": "org/model", **expected} == found
    assert zero == (json.loads(ZERO_3) if "deepspeed" in expected else {})


BATCH = {"cutoff_len": 2048, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 1, "bf16": True}


@pytest.mark.parametrize(
    ("expected", "start", "one"),
    [
        (
            {
                "stage": "sft", "finetuning_type": "lora", "lora_rank": 16, "lora_dropout": 0, "use_dora": True,
                "lora_target": "q_proj,k_proj,v_proj,o_proj", "additional_target": "embed_tokens,lm_head",
                "quantization_bit": 4, "quantization_type": "nf4", "double_quantization": True, **BATCH,
                "optim": "adamw_torch", "disable_gradient_checkpointing": True, "flash_attn": "fa2",
                "enable_liger_kernel": True, "deepspeed": "deepspeed.json",
            },
            "FORCE_TORCHRUN=1 NPROC_PER_NODE=4 llamafactory-cli train config.yaml",
            run("qlora", 4, trainer="llama-factory", gradient_checkpointing=False, fused_loss=True, sharding="zero3",
                offload_parameters=True, save_modules="embeddings", lora_targets="attention", dora=True),
        ),
        (
            {
                "stage": "sft", "finetuning_type": "full", **BATCH, "optim": "adamw_torch", "pure_bf16": True,
                "disable_gradient_checkpointing": False, "flash_attn": "disabled",
            },
            "llamafactory-cli train config.yaml",
            run("full", trainer="llama-factory", flash=False),
        ),
        (
            {
                "stage": "dpo", "finetuning_type": "lora", "lora_rank": 16, "lora_dropout": 0, "lora_target": "all",
                **BATCH, "optim": "adamw_torch", "disable_gradient_checkpointing": False, "flash_attn": "fa2",
                "image_max_pixels": 448 * 336, "fsdp": "full_shard auto_wrap offload",
            },
            "FORCE_TORCHRUN=1 NPROC_PER_NODE=2 llamafactory-cli train config.yaml",
            run("lora", 2, trainer="llama-factory", objective="dpo", size=(448, 336), sharding="fsdp",
                offload_parameters=True),
        ),
    ],
)  # fmt: skip
def test_llama_factory_s_configuration(expected: dict[str, Any], start: str, one: Run) -> None:
    """Read by llamafactory 0.9.5's own classes (``ModelArguments`` and others) as well, when this was written."""
    found, zero, command = configuration(one)
    assert command == start
    assert {"model_name_or_path": "org/model", "do_train": True, **expected} == found
    assert zero == (json.loads(ZERO_3) if "deepspeed" in expected else {})
