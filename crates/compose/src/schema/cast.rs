//! Reading numbers and booleans out of strings, where a field wants them.

use crate::context::Context;
use crate::problem::{Caution, Mistake};
use crate::source::Span;
use crate::tree::{At, Value};

/// What a text is to become.
#[derive(Clone, Copy)]
enum Target {
    Whole,
    Fraction,
    Flag,
}

/// Reads an interpolated text as what its field wants, or leaves it a string.
///
/// The fields are those for which Compose does so; a text that does not fit is reported.
pub(crate) fn cast(ctx: &mut Context, span: Span, text: String, at: &At<'_>) -> Value {
    let Some(target) = target(&at.steps()) else {
        return Value::Str(text);
    };
    let (value, wanted) = match target {
        Target::Whole => (text.parse().ok().map(Value::Int), "a whole number"),
        Target::Fraction => (text.parse().ok().map(Value::Float), "a number"),
        Target::Flag => (flag(ctx, span, &text, at).map(Value::Bool), "a boolean"),
    };
    value.unwrap_or_else(|| {
        ctx.fail(
            span,
            at,
            Mistake::BadValue {
                value: ctx.shown(span, at, &text),
                wanted,
            },
        );
        Value::Null
    })
}

/// Reads a boolean as Compose does: `true` and `false`, and with a warning the words of YAML 1.1.
pub(crate) fn flag(ctx: &mut Context, span: Span, text: &str, at: &At<'_>) -> Option<bool> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "true" => return Some(true),
        "false" => return Some(false),
        "y" | "yes" | "on" => true,
        "n" | "no" | "off" => false,
        _ => return None,
    };
    ctx.warn(
        span,
        at,
        Caution::BooleanWord {
            written: text.to_owned(),
            meant,
        },
    );
    Some(meant)
}

fn target(steps: &[&str]) -> Option<Target> {
    Some(match steps {
        ["services", _, rest @ ..] => match rest {
            [
                "cpu_count" | "cpu_period" | "cpu_quota" | "cpu_rt_period" | "cpu_rt_runtime"
                | "cpu_shares" | "oom_score_adj" | "pids_limit" | "scale",
            ]
            | ["deploy", "replicas"]
            | ["deploy", "update_config" | "rollback_config", "parallelism"]
            | ["deploy", "restart_policy", "max_attempts"]
            | ["deploy", "placement", "max_replicas_per_node"]
            | ["healthcheck", "retries"]
            | ["ports", "[]", "target"]
            | ["ulimits", _]
            | ["ulimits", _, "hard" | "soft"] => Target::Whole,
            ["cpu_percent" | "cpus"]
            | [
                "deploy",
                "update_config" | "rollback_config",
                "max_failure_ratio",
            ] => Target::Fraction,
            ["init" | "oom_kill_disable" | "privileged" | "read_only" | "stdin_open" | "tty"]
            | ["healthcheck", "disable"]
            | ["volumes", "[]", "read_only"]
            | ["volumes", "[]", "volume", "nocopy"] => Target::Flag,
            _ => return None,
        },
        [
            "networks",
            _,
            "external" | "internal" | "attachable" | "enable_ipv4" | "enable_ipv6",
        ]
        | ["volumes" | "secrets" | "configs", _, "external"] => Target::Flag,
        _ => return None,
    })
}
