//! The table of fields. Read the Compose Specification for what they mean.

use super::Shape::{
    Any, Command, Count, Either, Flag, FlagText, Fraction, Hosts, Label, List, Map, Matching, Mode,
    MultiOptions, Nullable, OneOf, Options, Pairs, Quantity, Set, Size, SizeText, Ssh, StrictFlag,
    StrictWhole, Test, Text, Time, Whole,
};
use super::{Extra, Names, Record, Shape};

const ANY_WHOLE: Shape = Whole(i64::MIN, i64::MAX);
const NAMES: Shape = Set(&Text);
const TEXTS: Shape = List(&Text);
const ONE_OR_MORE: Shape = Either(&[Text, NAMES]);
/// Keys without a value are passed through.
const PASSED: Shape = Pairs(true);
/// Keys without a value are empty.
const FILLED: Shape = Pairs(false);

pub(crate) static ROOT: Record = Record {
    name: "a Compose file",
    fields: &[
        ("version", Text),
        ("name", Text),
        ("include", List(&Either(&[Text, Shape::Record(&INCLUDE)]))),
        ("services", Map(&Shape::Record(&SERVICE), Names::Plain)),
        ("models", Map(&Shape::Record(&MODEL), Names::Free)),
        (
            "networks",
            Map(&Nullable(&Shape::Record(&NETWORK)), Names::Free),
        ),
        (
            "volumes",
            Map(&Nullable(&Shape::Record(&VOLUME)), Names::Plain),
        ),
        ("secrets", Map(&Shape::Record(&SECRET), Names::Plain)),
        ("configs", Map(&Shape::Record(&CONFIG), Names::Plain)),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static INCLUDE: Record = Record {
    name: "`include`",
    fields: &[
        ("path", ONE_OR_MORE),
        ("env_file", ONE_OR_MORE),
        ("project_directory", Text),
    ],
    required: &[],
    extra: Extra::Nothing,
};

static SERVICE: Record = Record {
    name: "a service",
    fields: &[
        ("annotations", FILLED),
        ("attach", Flag),
        ("blkio_config", Shape::Record(&BLKIO)),
        ("build", Either(&[Text, Shape::Record(&BUILD)])),
        ("cap_add", NAMES),
        ("cap_drop", NAMES),
        ("cgroup", OneOf(&["host", "private"])),
        ("cgroup_parent", Text),
        ("command", Command),
        ("configs", FILE_REFERENCES),
        (
            "container_name",
            Matching(
                is_container_name,
                "a letter or digit, then at least one letter, digit, `_`, `.` or `-`",
            ),
        ),
        ("cpu_count", Whole(0, i64::MAX)),
        ("cpu_percent", Whole(0, 100)),
        ("cpu_period", Quantity),
        ("cpu_quota", Quantity),
        ("cpu_rt_period", Quantity),
        ("cpu_rt_runtime", Quantity),
        ("cpu_shares", Quantity),
        ("cpus", Fraction),
        ("cpuset", Text),
        ("credential_spec", Shape::Record(&CREDENTIAL_SPEC)),
        (
            "depends_on",
            Either(&[NAMES, Map(&Shape::Record(&DEPENDENCY), Names::Plain)]),
        ),
        ("deploy", Nullable(&Shape::Record(&DEPLOY))),
        ("develop", Nullable(&Shape::Record(&DEVELOP))),
        ("device_cgroup_rules", NAMES),
        (
            "devices",
            List(&Either(&[Text, Shape::Record(&DEVICE_MAPPING)])),
        ),
        ("dns", ONE_OR_MORE),
        ("dns_opt", NAMES),
        ("dns_search", ONE_OR_MORE),
        ("domainname", Text),
        ("entrypoint", Command),
        (
            "env_file",
            Either(&[Text, List(&Either(&[Text, Shape::Record(&ENV_FILE)]))]),
        ),
        ("environment", PASSED),
        ("expose", Set(&Label)),
        ("extends", Either(&[Text, Shape::Record(&EXTENDS)])),
        ("external_links", NAMES),
        ("extra_hosts", Hosts),
        (
            "gpus",
            Either(&[OneOf(&["all"]), List(&Shape::Record(&GPU))]),
        ),
        ("group_add", Set(&Label)),
        ("healthcheck", Shape::Record(&HEALTHCHECK)),
        ("hostname", Text),
        ("image", Text),
        ("init", Flag),
        ("ipc", Text),
        ("isolation", Text),
        ("label_file", Either(&[Text, TEXTS])),
        ("labels", FILLED),
        ("links", NAMES),
        ("logging", Shape::Record(&LOGGING)),
        ("mac_address", Text),
        ("mem_limit", Size),
        ("mem_reservation", Size),
        ("mem_swappiness", Size),
        ("memswap_limit", Size),
        (
            "models",
            Either(&[
                NAMES,
                Map(&Nullable(&Shape::Record(&SERVICE_MODEL)), Names::Free),
            ]),
        ),
        ("network_mode", Text),
        (
            "networks",
            Either(&[
                NAMES,
                Map(&Nullable(&Shape::Record(&SERVICE_NETWORK)), Names::Plain),
            ]),
        ),
        ("oom_kill_disable", Flag),
        ("oom_score_adj", Whole(-1000, 1000)),
        ("pid", Nullable(&Text)),
        ("pids_limit", Quantity),
        ("platform", Text),
        ("ports", Set(&Either(&[Label, Shape::Record(&PORT)]))),
        ("post_start", HOOKS),
        ("pre_start", HOOKS),
        ("pre_stop", HOOKS),
        ("privileged", Flag),
        ("profiles", NAMES),
        ("provider", Shape::Record(&PROVIDER)),
        (
            "pull_policy",
            Matching(
                is_pull_policy,
                "`always`, `never`, `build`, `missing`, `if_not_present`, `refresh`, `daily`, `weekly` or `every_<time>`",
            ),
        ),
        ("pull_refresh_after", Text),
        ("read_only", Flag),
        ("restart", Text),
        ("runtime", Text),
        ("scale", ANY_WHOLE),
        ("secrets", FILE_REFERENCES),
        ("security_opt", NAMES),
        ("shm_size", Size),
        ("stdin_open", Flag),
        ("stop_grace_period", Time),
        ("stop_signal", Text),
        ("storage_opt", Options),
        ("sysctls", FILLED),
        ("tmpfs", ONE_OR_MORE),
        ("tty", Flag),
        ("ulimits", ULIMITS),
        ("use_api_socket", StrictFlag),
        ("user", Text),
        ("userns_mode", Text),
        ("uts", Text),
        ("volumes", Set(&Either(&[Text, Shape::Record(&MOUNT)]))),
        ("volumes_from", NAMES),
        ("working_dir", Text),
    ],
    required: &[],
    extra: Extra::Extensions,
};

const FILE_REFERENCES: Shape = List(&Either(&[Text, Shape::Record(&FILE_REFERENCE)]));
const HOOKS: Shape = List(&Shape::Record(&HOOK));
const ULIMITS: Shape = Map(&Either(&[ANY_WHOLE, Shape::Record(&ULIMIT)]), Names::Free);

static BUILD: Record = Record {
    name: "`build`",
    fields: &[
        ("additional_contexts", FILLED),
        ("args", PASSED),
        ("cache_from", TEXTS),
        ("cache_to", TEXTS),
        ("context", Text),
        ("dockerfile", Text),
        ("dockerfile_inline", Text),
        ("entitlements", TEXTS),
        ("extra_hosts", Hosts),
        ("isolation", Text),
        ("labels", FILLED),
        ("network", Text),
        ("no_cache", Flag),
        ("no_cache_filter", ONE_OR_MORE),
        ("platforms", TEXTS),
        ("privileged", Flag),
        ("provenance", FlagText),
        ("pull", Flag),
        ("sbom", FlagText),
        ("secrets", FILE_REFERENCES),
        ("shm_size", Size),
        ("ssh", Ssh),
        ("tags", TEXTS),
        ("target", Text),
        ("ulimits", ULIMITS),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static BLKIO: Record = Record {
    name: "`blkio_config`",
    fields: &[
        ("device_read_bps", List(&Shape::Record(&DEVICE_RATE))),
        ("device_read_iops", List(&Shape::Record(&DEVICE_RATE))),
        ("device_write_bps", List(&Shape::Record(&DEVICE_RATE))),
        ("device_write_iops", List(&Shape::Record(&DEVICE_RATE))),
        ("weight", ANY_WHOLE),
        ("weight_device", List(&Shape::Record(&DEVICE_WEIGHT))),
    ],
    required: &[],
    extra: Extra::Nothing,
};

static DEVICE_RATE: Record = Record {
    name: "a device limit",
    fields: &[("path", Text), ("rate", Size)],
    required: &[],
    extra: Extra::Nothing,
};

static DEVICE_WEIGHT: Record = Record {
    name: "a device weight",
    fields: &[("path", Text), ("weight", ANY_WHOLE)],
    required: &[],
    extra: Extra::Nothing,
};

static CREDENTIAL_SPEC: Record = Record {
    name: "`credential_spec`",
    fields: &[("config", Text), ("file", Text), ("registry", Text)],
    required: &[],
    extra: Extra::Extensions,
};

static DEPENDENCY: Record = Record {
    name: "a dependency",
    fields: &[
        (
            "condition",
            OneOf(&[
                "service_started",
                "service_healthy",
                "service_completed_successfully",
            ]),
        ),
        ("required", StrictFlag),
        ("restart", Flag),
    ],
    required: &["condition"],
    extra: Extra::Extensions,
};

static DEPLOY: Record = Record {
    name: "`deploy`",
    fields: &[
        ("endpoint_mode", Text),
        ("labels", FILLED),
        ("mode", Text),
        ("placement", Shape::Record(&PLACEMENT)),
        ("replicas", ANY_WHOLE),
        ("resources", Shape::Record(&RESOURCES)),
        ("restart_policy", Shape::Record(&RESTART_POLICY)),
        ("rollback_config", Shape::Record(&UPDATE_CONFIG)),
        ("update_config", Shape::Record(&UPDATE_CONFIG)),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static UPDATE_CONFIG: Record = Record {
    name: "an update configuration",
    fields: &[
        ("delay", Time),
        ("failure_action", Text),
        ("max_failure_ratio", Fraction),
        ("monitor", Time),
        ("order", OneOf(&["start-first", "stop-first"])),
        ("parallelism", ANY_WHOLE),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static RESOURCES: Record = Record {
    name: "`resources`",
    fields: &[
        ("limits", Shape::Record(&LIMITS)),
        ("reservations", Shape::Record(&RESERVATIONS)),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static LIMITS: Record = Record {
    name: "`limits`",
    fields: &[
        ("cpus", Fraction),
        ("memory", SizeText),
        ("pids", ANY_WHOLE),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static RESERVATIONS: Record = Record {
    name: "`reservations`",
    fields: &[
        ("cpus", Fraction),
        ("devices", List(&Shape::Record(&DEVICE_REQUEST))),
        ("generic_resources", List(&Shape::Record(&GENERIC_RESOURCE))),
        ("memory", SizeText),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static GENERIC_RESOURCE: Record = Record {
    name: "a generic resource",
    fields: &[("discrete_resource_spec", Shape::Record(&DISCRETE_RESOURCE))],
    required: &[],
    extra: Extra::Extensions,
};

static DISCRETE_RESOURCE: Record = Record {
    name: "`discrete_resource_spec`",
    fields: &[("kind", Text), ("value", Quantity)],
    required: &[],
    extra: Extra::Extensions,
};

const DEVICE_REQUEST_FIELDS: &[(&str, Shape)] = &[
    ("capabilities", NAMES),
    ("count", Count),
    ("device_ids", NAMES),
    ("driver", Text),
    ("options", FILLED),
];

static DEVICE_REQUEST: Record = Record {
    name: "a device request",
    fields: DEVICE_REQUEST_FIELDS,
    required: &["capabilities"],
    extra: Extra::Extensions,
};

static GPU: Record = Record {
    name: "a GPU request",
    fields: DEVICE_REQUEST_FIELDS,
    required: &[],
    extra: Extra::Ignored,
};

static RESTART_POLICY: Record = Record {
    name: "`restart_policy`",
    fields: &[
        ("condition", Text),
        ("delay", Time),
        ("max_attempts", ANY_WHOLE),
        ("window", Time),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static PLACEMENT: Record = Record {
    name: "`placement`",
    fields: &[
        ("constraints", TEXTS),
        ("max_replicas_per_node", ANY_WHOLE),
        ("preferences", List(&Shape::Record(&PREFERENCE))),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static PREFERENCE: Record = Record {
    name: "a placement preference",
    fields: &[("spread", Text)],
    required: &[],
    extra: Extra::Extensions,
};

static DEVELOP: Record = Record {
    name: "`develop`",
    fields: &[("watch", List(&Shape::Record(&WATCH)))],
    required: &[],
    extra: Extra::Extensions,
};

static WATCH: Record = Record {
    name: "a watch rule",
    fields: &[
        (
            "action",
            OneOf(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
        ),
        ("exec", Shape::Record(&HOOK)),
        ("ignore", ONE_OR_MORE),
        ("include", ONE_OR_MORE),
        ("initial_sync", StrictFlag),
        ("path", Text),
        ("target", Text),
    ],
    required: &["path", "action"],
    extra: Extra::Extensions,
};

static HOOK: Record = Record {
    name: "a hook",
    fields: &[
        ("command", Command),
        ("environment", PASSED),
        ("privileged", Flag),
        ("user", Text),
        ("working_dir", Text),
    ],
    required: &["command"],
    extra: Extra::Extensions,
};

static DEVICE_MAPPING: Record = Record {
    name: "a device",
    fields: &[("permissions", Text), ("source", Text), ("target", Text)],
    required: &["source"],
    extra: Extra::Extensions,
};

static ENV_FILE: Record = Record {
    name: "`env_file`",
    fields: &[("format", Text), ("path", Text), ("required", Flag)],
    required: &["path"],
    extra: Extra::Nothing,
};

static EXTENDS: Record = Record {
    name: "`extends`",
    fields: &[("file", Text), ("service", Text)],
    required: &["service"],
    extra: Extra::Nothing,
};

static HEALTHCHECK: Record = Record {
    name: "`healthcheck`",
    fields: &[
        ("disable", Flag),
        ("interval", Time),
        ("retries", Quantity),
        ("start_interval", Time),
        ("start_period", Time),
        ("test", Test),
        ("timeout", Time),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static LOGGING: Record = Record {
    name: "`logging`",
    fields: &[("driver", Text), ("options", Options)],
    required: &[],
    extra: Extra::Extensions,
};

static SERVICE_MODEL: Record = Record {
    name: "a model binding",
    fields: &[("endpoint_var", Text), ("model_var", Text)],
    required: &[],
    extra: Extra::Extensions,
};

static SERVICE_NETWORK: Record = Record {
    name: "a network attachment",
    fields: &[
        ("aliases", NAMES),
        ("driver_opts", Options),
        ("gw_priority", Quantity),
        ("interface_name", Text),
        ("ipv4_address", Text),
        ("ipv6_address", Text),
        ("link_local_ips", NAMES),
        ("mac_address", Text),
        ("priority", Quantity),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static PORT: Record = Record {
    name: "a port",
    fields: &[
        ("app_protocol", Text),
        ("host_ip", Text),
        ("mode", Text),
        ("name", Text),
        ("protocol", Text),
        ("published", Label),
        ("target", ANY_WHOLE),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static PROVIDER: Record = Record {
    name: "`provider`",
    fields: &[("options", MultiOptions), ("type", Text)],
    required: &["type"],
    extra: Extra::Extensions,
};

static FILE_REFERENCE: Record = Record {
    name: "a mounted file",
    fields: &[
        ("gid", Text),
        ("mode", Mode),
        ("source", Text),
        ("target", Text),
        ("uid", Text),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static ULIMIT: Record = Record {
    name: "a ulimit",
    fields: &[("hard", ANY_WHOLE), ("soft", ANY_WHOLE)],
    required: &["soft", "hard"],
    extra: Extra::Extensions,
};

static MOUNT: Record = Record {
    name: "a volume",
    fields: &[
        ("bind", Shape::Record(&BIND)),
        ("consistency", Text),
        ("image", Shape::Record(&IMAGE_MOUNT)),
        ("read_only", Flag),
        ("source", Text),
        ("target", Text),
        ("tmpfs", Shape::Record(&TMPFS)),
        (
            "type",
            OneOf(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]),
        ),
        ("volume", Shape::Record(&VOLUME_MOUNT)),
    ],
    required: &["type"],
    extra: Extra::Extensions,
};

static BIND: Record = Record {
    name: "`bind`",
    fields: &[
        ("create_host_path", Flag),
        ("propagation", Text),
        (
            "recursive",
            OneOf(&["enabled", "disabled", "writable", "readonly"]),
        ),
        ("selinux", OneOf(&["z", "Z"])),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static VOLUME_MOUNT: Record = Record {
    name: "`volume`",
    fields: &[("labels", FILLED), ("nocopy", Flag), ("subpath", Text)],
    required: &[],
    extra: Extra::Extensions,
};

static TMPFS: Record = Record {
    name: "`tmpfs`",
    fields: &[("mode", Quantity), ("size", Size)],
    required: &[],
    extra: Extra::Extensions,
};

static IMAGE_MOUNT: Record = Record {
    name: "`image`",
    fields: &[("subpath", Text)],
    required: &[],
    extra: Extra::Extensions,
};

static NETWORK: Record = Record {
    name: "a network",
    fields: &[
        ("attachable", Flag),
        ("driver", Text),
        ("driver_opts", Options),
        ("enable_ipv4", Flag),
        ("enable_ipv6", Flag),
        ("external", EXTERNAL),
        ("internal", Flag),
        ("ipam", Shape::Record(&IPAM)),
        ("labels", FILLED),
        ("name", Text),
    ],
    required: &[],
    extra: Extra::Extensions,
};

const EXTERNAL: Shape = Either(&[Flag, Shape::Record(&EXTERNAL_NAME)]);

static EXTERNAL_NAME: Record = Record {
    name: "`external`",
    fields: &[("name", Text)],
    required: &[],
    extra: Extra::Extensions,
};

static IPAM: Record = Record {
    name: "`ipam`",
    fields: &[
        ("config", List(&Shape::Record(&IPAM_POOL))),
        ("driver", Text),
        ("options", Options),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static IPAM_POOL: Record = Record {
    name: "an address pool",
    fields: &[
        ("aux_addresses", Map(&Text, Names::Free)),
        ("gateway", Text),
        ("ip_range", Text),
        ("subnet", Text),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static VOLUME: Record = Record {
    name: "a volume",
    fields: &[
        ("driver", Text),
        ("driver_opts", Options),
        ("external", EXTERNAL),
        ("labels", FILLED),
        ("name", Text),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static SECRET: Record = Record {
    name: "a secret",
    fields: &[
        ("driver", Text),
        ("driver_opts", Options),
        ("environment", Text),
        ("external", Either(&[Flag, Any])),
        ("file", Text),
        ("labels", FILLED),
        ("name", Text),
        ("template_driver", Text),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static CONFIG: Record = Record {
    name: "a config",
    fields: &[
        ("content", Text),
        ("environment", Text),
        ("external", Either(&[Flag, Any])),
        ("file", Text),
        ("labels", FILLED),
        ("name", Text),
        ("template_driver", Text),
    ],
    required: &[],
    extra: Extra::Extensions,
};

static MODEL: Record = Record {
    name: "a model",
    fields: &[
        ("context_size", StrictWhole),
        ("model", Text),
        ("name", Text),
        ("runtime_flags", TEXTS),
    ],
    required: &["model"],
    extra: Extra::Extensions,
};

/// Compose looks for this anywhere in the name, not for the name as a whole.
fn is_container_name(name: &str) -> bool {
    let follows = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
    name.as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_alphanumeric() && follows(pair[1]))
}

/// Compose looks for one of these words anywhere in the value.
fn is_pull_policy(policy: &str) -> bool {
    [
        "always",
        "never",
        "build",
        "if_not_present",
        "missing",
        "refresh",
        "daily",
        "weekly",
    ]
    .iter()
    .any(|word| policy.contains(word))
        || policy.match_indices("every_").any(|(at, word)| {
            let rest = &policy[at + word.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest[digits..].starts_with(['w', 'd', 'h', 'm', 's'])
        })
}
