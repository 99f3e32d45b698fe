"""What each trainer's command, script or configuration says of a run: every setting that the estimate assumed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from vramfit.training.profile import written
from vramfit.training.script import Run
from vramfit.workload.training import Training


def run(task: str = "qlora", gpus: int = 1, *, flash: bool = True, **keys: Any) -> Run:
    """Fine-tuning of a model in 4 bits, or in bf16."""
    quantized = "nf4" if task == "qlora" else None
    dtype = None if quantized else "bfloat16"
    return Run("org/model", task, False, dtype, quantized, True, flash, gpus, Training(**keys))


FOUR_BITS = (
    "import torch; from transformers import AutoModelForCausalLM, BitsAndBytesConfig; "
    "model = AutoModelForCausalLM.from_pretrained('org/model', quantization_config=BitsAndBytesConfig(load_in_4bit=True, "
    "bnb_4bit_quant_type='nf4', bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16))"
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
            "deepspeed={'zero_optimization': {'stage': 3, 'offload_optimizer': {'device': 'cpu'}, "
            "'offload_param': {'device': 'cpu'}}, 'train_micro_batch_size_per_gpu': 'auto', 'bf16': {'enabled': True}}); "
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
            "settings = GRPOConfig(max_completion_length=2048, num_generations=4, per_device_train_batch_size=1, "
            "gradient_checkpointing=True, optim='adamw_torch', bf16=True, fsdp='full_shard auto_wrap'); "
            "GRPOTrainer(model, args=settings, train_dataset=samples, peft_config=LoraConfig(r=16, "
            "target_modules='all-linear', modules_to_save=['embed_tokens', 'lm_head']), reward_funcs=rewards).train()",
            run("lora", trainer="trl", objective="grpo", generations=4, sharding="fsdp", save_modules="embeddings"),
        ),
        (
            "from unsloth import FastLanguageModel; model, tokenizer = FastLanguageModel.from_pretrained('org/model', "
            "max_seq_length=4096, load_in_4bit=True); model = FastLanguageModel.get_peft_model(model, r=32, lora_dropout=0, "
            "target_modules=['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'], "
            "use_gradient_checkpointing='unsloth'); from trl import SFTConfig, SFTTrainer; settings = SFTConfig("
            "max_length=4096, per_device_train_batch_size=1, gradient_accumulation_steps=1, optim='adamw_8bit', bf16=True); "
            "SFTTrainer(model, args=settings, processing_class=tokenizer, train_dataset=samples).train()",
            run(trainer="unsloth", optimizer="adamw8bit", lora_rank=32, sequence_length=4096),
        ),
        (
            "tune run lora_finetune_single_device --config YOUR_MODEL_qlora_single_device "
            "checkpointer.checkpoint_dir=org/model batch_size=1 tokenizer.max_seq_len=2048 dtype=bf16 "
            "gradient_accumulation_steps=1 enable_activation_checkpointing=True optimizer._component_=torch.optim.AdamW "
            "model.lora_rank=16 model.lora_attn_modules=['q_proj','v_proj'] model.apply_lora_to_mlp=False",
            run(trainer="torchtune", lora_targets="qv"),
        ),
        (
            "tune run --nproc_per_node 2 full_finetune_distributed --config YOUR_MODEL_full_distributed "
            "checkpointer.checkpoint_dir=org/model batch_size=1 tokenizer.max_seq_len=2048 dtype=bf16 "
            "gradient_accumulation_steps=1 enable_activation_checkpointing=True "
            "optimizer._component_=bitsandbytes.optim.PagedAdamW8bit optimizer_in_bwd=True fsdp_cpu_offload=True",
            run("full", 2, trainer="torchtune", optimizer="paged_adamw8bit", optimizer_in_backward=True,
                sharding="fsdp", offload_parameters=True),
        ),
        (
            "litgpt finetune_lora org/model --precision bf16-true --devices 2 --train.max_seq_length 2048 "
            "--train.micro_batch_size 3 --train.global_batch_size 24 --quantize bnb.nf4-dq --lora_r 16 --lora_dropout 0 "
            "--lora_query true --lora_key true --lora_value true --lora_projection true --lora_mlp false",
            run("qlora", 2, trainer="litgpt", micro_batch=3, gradient_accumulation=4, lora_targets="attention"),
        ),
        (
            "torchrun --nproc_per_node 2 finetune.py --model_name_or_path org/model --bf16 True --lazy_preprocess True "
            "--model_max_length 2048 --per_device_train_batch_size 1 --gradient_accumulation_steps 1 "
            "--gradient_checkpointing True --optim adamw_torch --use_lora --lora_r 16 "
            "--deepspeed finetune/ds_config_zero2.json",
            run("lora", 2, trainer="qwen", sharding="zero2"),
        ),
    ],
)  # fmt: skip
def test_code_and_commands(expected: str, one: Run) -> None:
    assert expected == written(one)


def configuration(one: Run) -> tuple[dict[str, Any], str]:
    """The YAML that shell lines write, read again, and the command behind it."""
    lines = written(one).splitlines()
    assert lines[0] == "cat > config.yaml <<'END'"
    end = lines.index("END")
    found: dict[str, Any] = yaml.safe_load("\n".join(lines[1:end]))
    return found, "\n".join(lines[end + 1 :])


def test_axolotl_s_configuration() -> None:
    found, command = configuration(
        run(trainer="axolotl", lora_targets="mlp", save_modules="embeddings", fused_loss=True, objective="dpo",
            sharding="zero2")
    )  # fmt: skip
    assert command == "axolotl train config.yaml"
    assert found == {
        "base_model": "org/model", "adapter": "qlora", "load_in_4bit": True, "lora_r": 16, "lora_alpha": 32,
        "lora_dropout": 0, "lora_target_modules": ["gate_proj", "up_proj", "down_proj"],
        "lora_modules_to_save": ["embed_tokens", "lm_head"], "rl": "dpo", "sequence_len": 2048, "micro_batch_size": 1,
        "gradient_accumulation_steps": 1, "gradient_checkpointing": True, "optimizer": "adamw_torch",
        "flash_attention": True, "bf16": True,
        "plugins": ["axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin"], "cut_cross_entropy": True,
        "deepspeed": "deepspeed_configs/zero2.json",
    }  # fmt: skip


def test_axolotl_s_configuration_of_all_weights() -> None:
    found, _ = configuration(run("full", 2, trainer="axolotl", sharding="fsdp", flash=False))
    assert found == {
        "base_model": "org/model", "sequence_len": 2048, "micro_batch_size": 1, "gradient_accumulation_steps": 1,
        "gradient_checkpointing": True, "optimizer": "adamw_torch", "flash_attention": False, "bf16": True,
        "fsdp_version": 2, "fsdp_config": {"offload_params": False},
    }  # fmt: skip


def test_llama_factory_s_configuration() -> None:
    found, command = configuration(
        run(trainer="llama-factory", gradient_checkpointing=False, fused_loss=True, sharding="zero3",
            offload_optimizer=True, save_modules="embeddings", lora_targets="attention")
    )  # fmt: skip
    assert command == "llamafactory-cli train config.yaml"
    assert found == {
        "model_name_or_path": "org/model", "stage": "sft", "do_train": True, "finetuning_type": "lora", "lora_rank": 16,
        "lora_dropout": 0, "lora_target": "q_proj,k_proj,v_proj,o_proj", "additional_target": "embed_tokens,lm_head",
        "quantization_bit": 4, "double_quantization": True, "cutoff_len": 2048, "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 1, "optim": "adamw_torch", "bf16": True, "disable_gradient_checkpointing": True,
        "flash_attn": "fa2", "enable_liger_kernel": True, "deepspeed": "examples/deepspeed/ds_z3_offload_config.json",
    }  # fmt: skip


def test_llama_factory_s_configuration_of_all_weights() -> None:
    found, _ = configuration(run("full", trainer="llama-factory", flash=False))
    assert found == {
        "model_name_or_path": "org/model", "stage": "sft", "do_train": True, "finetuning_type": "full",
        "cutoff_len": 2048, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 1, "optim": "adamw_torch",
        "bf16": True, "pure_bf16": True, "flash_attn": "disabled",
    }  # fmt: skip
