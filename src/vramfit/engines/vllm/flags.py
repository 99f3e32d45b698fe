"""Flags of ``vllm serve`` that are no deployment key: those that change no memory, and those that are not modelled.

Together with the table of ``launch`` these are all flags of vLLM 0.33.0 (``engine/arg_utils.py``,
``entrypoints/common/cli_args.py``, ``entrypoints/cli/serve.py``), and some of releases before it.
"""

from __future__ import annotations

from vramfit.launch import neutral

REFUSED = {
    "--disable-hybrid-kv-cache-manager": (
        "--disable-hybrid-kv-cache-manager keeps the whole context in windowed layers too, which is not modelled",
        "leave it out for the memory with the manager, which is less where the model has windows",
    ),
}
"""Flags that raise the need without a bound that is known here."""

_NEUTRAL_SWITCHES = (
    "trust-remote-code enable-auto-tool-choice enable-prompt-tokens-details enable-server-load-tracking"
    " enable-force-include-usage disable-uvicorn-access-log allow-credentials enable-ssl-refresh enable-request-id-headers"
    " disable-fastapi-docs enable-log-requests disable-log-stats disable-log-requests enable-log-outputs"
    " enable-prefix-caching enable-chunked-prefill async-scheduling enable-reasoning return-tokens-as-token-ids"
    " use-tqdm-on-load disable-custom-all-reduce allow-deprecated-quantization return-sampling-mask use-fp64-gumbel"
    " enable-trace-replay disable-cascade-attn skip-tokenizer-init enable-nccl-comm-suspend"
    " enable-mamba-cache-stochastic-rounding numa-bind data-parallel-hybrid-lb data-parallel-external-lb"
    " data-parallel-multi-port-external-lb enable-batch-sharded-sampling enable-ep-weight-filter enable-shm-tensor-arena"
    " disable-nccl-for-dp-synchronization ray-workers-use-nsight enable-fault-tolerance kv-cache-metrics"
    " cudagraph-metrics enable-layerwise-nvtx-tracing enable-mfu-metrics enable-logging-iteration-details"
    " jit-monitor-verbose long-prefill-token-threshold-adaptive disable-chunked-mm-input scheduler-reserve-full-isl"
    " enable-flashinfer-autotune monokernel aggregate-engine-logging fail-on-environ-validation grpc"
    " trust-request-chat-template trust-request-mm-kwargs exclude-tools-when-tool-choice-none enable-per-request-metrics"
    " enable-tokenizer-info-endpoint enable-log-deltas cohere-is-reasoning-model log-error-stack tokens-only"
    " enable-scale-out enable-offline-docs enable-flash-late-interaction interleave-mm-strings mm-device-do-normalize"
    " use-v2-block-manager disable-frontend-multiprocessing enable-sleep-mode worker-use-ray disable-async-output-proc"
    " enable-mm-embeds enable-prompt-embeds"
)
_NEUTRAL_VALUES = (
    "--host --port --uds --api-key --chat-template --chat-template-content-format --default-chat-template-kwargs"
    " --response-role --tool-call-parser --tool-parser-plugin --reasoning-parser --reasoning-parser-plugin --root-path"
    " --ssl-keyfile --ssl-certfile --ssl-ca-certs --ssl-cert-reqs --ssl-ciphers --uvicorn-log-level --log-config-file"
    " --max-log-len --revision --code-revision --tokenizer --tokenizer-mode --tokenizer-revision --config-format"
    " --generation-config --override-generation-config --load-format --download-dir --hf-token --seed --max-logprobs"
    " --logprobs-mode --otlp-traces-endpoint --scheduling-policy --stream-interval --allowed-local-media-path"
    " --prefix-caching-hash-algo --master-port --structured-outputs-config --shutdown-timeout --guided-decoding-backend"
    " --io-processor-plugin --renderer-num-workers --safetensors-load-strategy --safetensors-prefetch-num-threads"
    " --safetensors-prefetch-block-size --model-loader-extra-config --ignore-patterns --pt-load-map-location"
    " --attention-backend --mamba-backend --mamba-ssu-algorithm --mamba-cache-philox-rounds --distributed-timeout-seconds"
    " --cpu-distributed-timeout-seconds --device-ids --dcp-comm-backend --dcp-kv-cache-interleave-size"
    " --cp-kv-cache-interleave-size --data-parallel-rank -dpn --data-parallel-start-rank -dpr --data-parallel-address -dpa"
    " --data-parallel-rpc-port -dpp --data-parallel-backend -dpb --all2all-backend --dp-sync-interval --fault-tolerance-config"
    " --max-parallel-loading-workers --worker-cls --worker-extension-cls --prefix-cache-retention-interval"
    " --prefix-match-unit --kv-offloading-backend --media-io-kwargs --mm-processor-cache-type --mm-hasher-algorithm"
    " --mm-shm-cache-max-object-size-mb --mm-encoder-attn-backend --mm-tensor-ipc --default-mm-loras --logging-config"
    " --log-level --show-hidden-metrics-for-version --per-request-spec-decode-metrics --kv-cache-metrics-sample"
    " --custom-histogram-buckets --jit-monitor-mode --max-num-scheduled-tokens --max-num-queued-reqs --max-num-queued-tokens"
    " --long-prefill-token-threshold --scheduler-cls --prefill-schedule-interval --ir-op-priority --moe-backend"
    " --linear-backend --sparse-indexer-topk-backend --watermark --watermark-config --kv-events-config --reasoning-config"
    " --kernel-config --aux-output-config --profiler-config --watchdog-config --gdn-prefill-backend --kda-prefill-backend"
    " --kda-decode-backend --api-server-count -asc --reasoning-effort-map --tool-strict-level --tool-server"
    " --sse-keep-alive-interval --cohere-format --anthropic-disabled-thinking-effort --fingerprint-mode --fingerprint-value"
    " --grpc-port --data-parallel-supervisor-port --dp-supervisor-probe-interval-s --dp-supervisor-probe-timeout-s"
    " --dp-supervisor-probe-failure-threshold --disable-access-log-for-endpoints --h11-max-incomplete-event-size"
    " --h11-max-header-count --expert-placement-strategy --weight-transfer-config --ec-transfer-config --ec-manager-config"
    " --sleep-mode-backend --model-impl --device --rope-theta --num-scheduler-steps --attention-config -ac"
    " --collect-detailed-traces --multi-step-stream-outputs --max-num-partial-prefills --max-long-partial-prefills"
    " --hf-config-path"
)
_NEUTRAL_WORDS = (
    "--served-model-name --allowed-origins --allowed-methods --allowed-headers --middleware --allowed-media-domains"
    " --logits-processors --numa-bind-nodes --numa-bind-cpus --sleep-preserve-parameter-names"
)
_UNMODELLED_SWITCHES = (
    "enable-return-routed-experts disable-sliding-window sleep-mode-offload-cudagraph enable-cumem-allocator"
    " dcp-q-replicate enable-hc-sp enable-dbo enable-elastic-ep enable-eplb kv-sharing-fast-prefill swa-bounded-replay"
    " enable-mamba-shared-prefix-checkpoint use-replayssm enable-tower-connector-lora fully-sharded-loras"
    " specialize-active-lora enable-mixed-moe-lora-format enable-moe-shared-loras mm-encoder-only skip-mm-profiling"
    " enable-lora-bias enable-prompt-adapter"
)
_UNMODELLED_VALUES = (
    "--task --quantization-config --model-class-overrides --pooler-config"
    " --override-pooler-config --decode-context-parallel-size -dcp --prefill-context-parallel-size -pcp"
    " --data-parallel-size-local -dpl --ubatch-size --elastic-ep-max-dp-size --dbo-decode-token-threshold"
    " --dbo-prefill-token-threshold --eplb-config --block-size --num-gpu-blocks-override --mamba-cache-dtype"
    " --mamba-ssm-cache-dtype --mamba-block-size --mamba-cache-mode --replayssm-buffer-len --kv-offloading-size"
    " --offload-backend --offload-group-size --offload-num-in-group --offload-prefetch-step --mm-processor-kwargs"
    " --mm-processor-cache-gb --mm-encoder-tp-mode --mm-encoder-attn-dtype --mm-encoder-fp8-scale-path"
    " --mm-encoder-fp8-scale-save-path --mm-encoder-fp8-scale-save-margin --video-pruning-rate --video-pruning-method"
    " --mm-processor-device --mm-ipc-gpu-memory-gb --lora-dtype --max-cpu-loras --max-lora-cls-labels --max-num-active-seqs"
    " --max-cudagraph-capture-size --diffusion-config -dc --kv-transfer-config --compilation-config -cc -O --engram-config"
    " --additional-config --optimization-level --performance-mode --max-seq-len-to-capture --lora-extra-vocab-size"
    " --calculate-kv-scales --speculative-draft-tensor-parallel-size --speculative-max-model-len"
)
_UNMODELLED_WORDS = (
    "--kv-cache-dtype-skip-layers --cpu-offload-params --offload-params --lora-target-modules --cudagraph-capture-sizes"
)
SHORT_SWITCHES = "-dph -dpe -dpm -O1 -O2 -O3"


def _both(names: str) -> str:
    """Flags that turn something on, and those that turn it off."""
    return " ".join([f"--{name} --no-{name}" for name in names.split()])


NEUTRAL = neutral(f"{_both(_NEUTRAL_SWITCHES)} {SHORT_SWITCHES}", _NEUTRAL_VALUES, _NEUTRAL_WORDS)
UNMODELLED = neutral(_both(_UNMODELLED_SWITCHES), _UNMODELLED_VALUES, _UNMODELLED_WORDS)
