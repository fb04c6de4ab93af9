//! Servers of models.

use super::row::{Bare, Mark, Place, Server, Stop, Work, server};

use Bare::Seconds;
use Mark::{Image, Program};
use Place::{Flag, GoFlag, Variable};

pub(super) const ROWS: &[Server] = &[
    server(
        "vLLM",
        &[Image("vllm-openai*"), Program("vllm"), Program("vllm.entrypoints.*")],
        "github.com/vllm-project/vllm/pull/36666: --shutdown-timeout, by default 0",
    )
    .finishes(&[Flag("--shutdown-timeout")], Seconds, None)
    .stop(Stop::DrainsIfSet),
    server(
        "Triton",
        &[Image("tritonserver"), Program("tritonserver")],
        "triton-inference-server/server src/command_line_parser.cc, src/main.cc@e1db8a603d86: --exit-timeout-secs",
    )
    .finishes(&[GoFlag("-exit-timeout-secs")], Seconds, Some(30)),
    server(
        "Text Generation Inference",
        &[Image("text-generation-inference"), Program("text-generation-launcher")],
        "huggingface/text-generation-inference launcher/src/main.rs@db931fcf42da: --graceful-termination-timeout",
    )
    .finishes(
        &[Flag("--graceful-termination-timeout"), Variable("GRACEFUL_TERMINATION_TIMEOUT")],
        Seconds,
        Some(90),
    ),
    server(
        "NVIDIA Dynamo",
        &[Mark::Variable("DYN_GRACEFUL_SHUTDOWN_GRACE_PERIOD_SECS")],
        "docs.nvidia.com/dynamo/v1.3.0/user-guides/fault-tolerance/graceful-shutdown: \
         DYN_GRACEFUL_SHUTDOWN_GRACE_PERIOD_SECS",
    )
    .accepts(&[Variable("DYN_GRACEFUL_SHUTDOWN_GRACE_PERIOD_SECS")], Seconds, Some(5))
    .work(Work::Peer),
];
