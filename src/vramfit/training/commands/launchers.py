"""Programs that start a script once for each GPU: accelerate, torchrun, DeepSpeed.

Flags: accelerate 1.15.0 ``commands/launch.py`` and ``commands/config/config_args.py``, torch 2.13 ``distributed/run.py``,
DeepSpeed 0.19.8 ``launcher/runner.py``. The number of processes is that of the GPUs.
"""

from __future__ import annotations

from vramfit.launch import OPTIONAL, Flag, Program, neutral
from vramfit.training.commands.common import deepspeed, truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MODULES = ("-m", "--module")
SWITCHED = {"kind": OPTIONAL, "on": "true", "read": truth}

ACCELERATE = Program(
    ("accelerate", "launch"),
    (
        Flag("--use_deepspeed", "use_deepspeed", **SWITCHED),  # type: ignore[arg-type]
        Flag("--use_fsdp", "use_fsdp", **SWITCHED),  # type: ignore[arg-type]
        Flag("--distributed_type", "distributed_type"),
        Flag("--deepspeed_config_file", "file"),
        Flag("--deepspeed_config", "deepspeed"),
        Flag("--zero_stage", "zero_stage"),
        Flag("--offload_optimizer_device", "offload_optimizer"),
        Flag("--offload_param_device", "offload_parameters"),
        Flag("--fsdp_offload_params", "fsdp_offload", read=truth),
        Flag("--fsdp_config", "fsdp"),
    ),
    also=(("accelerate-launch",), ("python", "-m", "accelerate.commands.launch"), ("python", "-m", "accelerate", "launch")),
    settings=("--config_file",),
    counts=(("--num_processes", "--num-processes"),),
    document_values=("deepspeed_config_file",),
    launches=MODULES,
    neutral=neutral(
        "--multi_gpu --multi-gpu --cpu --mps --tpu --quiet -q --same_network --debug --no_python --use_mps_device "
        "--enable_cpu_affinity --fsdp_cpu_ram_efficient_loading --fsdp_sync_module_states --fsdp_use_orig_params",
        "--num_processes --num_machines --machine_rank --main_process_ip --main_process_port --mixed_precision --gpu_ids "
        "--dynamo_backend --dynamo_mode --num_cpu_threads_per_process --rdzv_backend --rdzv_conf --max_restarts --tee "
        "--monitor_interval --role --log_dir --downcast_bf16 --gradient_accumulation_steps --gradient_clipping "
        "--zero3_init_flag --zero3_save_16bit_model --deepspeed_hostfile --deepspeed_multinode_launcher --main_training_function "
        "--compute_environment --rdzv_endpoint --offload_optimizer_nvme_path --offload_param_nvme_path --fsdp_version "
        "--fsdp_sharding_strategy --fsdp_auto_wrap_policy --fsdp_transformer_layer_cls_to_wrap --fsdp_min_num_params "
        "--fsdp_backward_prefetch --fsdp_state_dict_type --fsdp_forward_prefetch --fsdp_activation_checkpointing "
        "--fsdp_reshard_after_forward --tpu_env --tpu_zone --tpu_name --command_file --commands --dynamo_config",
        "--tpu_env",
    ),
)  # fmt: skip
TORCHRUN = Program(
    ("torchrun",),
    also=(("python", "-m", "torch.distributed.run"), ("python", "-m", "torch.distributed.launch")),
    launches=MODULES,
    counts=(("--nproc_per_node", "--nproc-per-node"), ("--nnodes",)),
    neutral=neutral(
        "--standalone --no_python --no-python --run_path --run-path --use_env --use-env",
        "--nproc_per_node --nproc-per-node --nnodes --node_rank --node-rank --master_addr --master-addr --master_port "
        "--master-port --rdzv_id --rdzv-id --rdzv_backend --rdzv-backend --rdzv_endpoint --rdzv-endpoint --rdzv_conf "
        "--rdzv-conf --max_restarts --max-restarts --monitor_interval --monitor-interval --start_method --start-method "
        "--role --log_dir --log-dir --redirects -r --tee -t --local_addr --local-addr --local_ranks_filter",
    ),
)  # fmt: skip
DEEPSPEED = Program(
    ("deepspeed",),
    launches=("--module",),
    counts=(("--num_gpus", "--num-gpus", "--include", "-i"), ("--num_nodes", "--num-nodes")),
    neutral=neutral(
        "--no_python --no_local_rank --force_multi --no_ssh_check --enable_each_rank_log --bind_cores_to_rank",
        "--num_gpus --num_nodes --num-gpus --include -i --exclude -e --hostfile -H --master_addr --master_port --launcher "
        "--launcher_args --node_rank --ssh_port --save_pid --autotuning",
    ),
)  # fmt: skip
PROGRAMS = (ACCELERATE, TORCHRUN, DEEPSPEED)
KINDS = {"DEEPSPEED": "use_deepspeed", "FSDP": "use_fsdp"}
DEFAULT_STAGE = "2"
"""Stage of ZeRO where accelerate is not told one (``accelerate/utils/dataclasses.py`` ``DeepSpeedPlugin``)."""


def divided(stated: dict[str, Any]) -> dict[str, object]:
    """Deployment keys that a launcher's flags and configuration state: how GPUs divide the states."""
    from vramfit.training.commands.common import structure

    kind = KINDS.get(str(stated.get("distributed_type", "")).upper(), "")
    if stated.get("use_deepspeed") or kind == "use_deepspeed" or "deepspeed" in stated or "file" in stated:
        inside = structure(stated.get("deepspeed"))
        file = stated.get("file") or inside.get("deepspeed_config_file")
        if file:
            return deepspeed(file)
        stage = stated.get("zero_stage") or inside.get("zero_stage") or DEFAULT_STAGE
        optimizer = stated.get("offload_optimizer") or inside.get("offload_optimizer_device") or "none"
        parameters = stated.get("offload_parameters") or inside.get("offload_param_device") or "none"
        keys: dict[str, object] = {"sharding": f"zero{stage}"}
        if parameters != "none":
            keys["offload_parameters"] = True
        elif optimizer != "none":
            keys["offload_optimizer"] = True
        return keys
    if stated.get("use_fsdp") or kind == "use_fsdp" or "fsdp" in stated:
        inside = structure(stated.get("fsdp"))
        offload = stated.get("fsdp_offload") or truth(str(inside.get("fsdp_offload_params", "false")))
        return {"sharding": "fsdp", **({"offload_parameters": True} if offload else {})}
    return {}
