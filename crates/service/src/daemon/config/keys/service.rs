//! The service itself.

use super::super::values;
use super::{Applies::*, Key, SLURM, SLURMDBD};

pub const KEYS: &[Key] = &[
    Key {
        name: "ClusterName",
        from: SLURM,
        applies: AtStart,
        meaning: "Name of the cluster founded on a fresh store; kept in lower case.",
        set: |config, text| values::name(text).map(|name| config.cluster_name = name.to_ascii_lowercase()),
        get: |config| config.cluster_name.clone(),
    },
    Key {
        name: "SlurmUser",
        from: SLURM,
        applies: OnReload,
        meaning: "A user who may do what root may. The service itself runs as whoever starts it.",
        set: |config, text| values::name(text).map(|name| config.accounting.slurm_user = name),
        get: |config| config.accounting.slurm_user.clone(),
    },
    Key {
        name: "StoreLocation",
        from: None,
        applies: AtStart,
        meaning: "File of the store, an absolute path. Its directory is made if it is missing.",
        set: |config, text| values::absolute(text).map(|path| config.store = path),
        get: |config| config.store.display().to_string(),
    },
    Key {
        name: "ListenSocket",
        from: None,
        applies: AtStart,
        meaning: "Unix socket to listen on, an absolute path. Clients find another one by `ENLIST_SOCKET`.",
        set: |config, text| values::absolute(text).map(|path| config.socket = path),
        get: |config| config.socket.display().to_string(),
    },
    Key {
        name: "MessageTimeout",
        from: SLURMDBD,
        applies: AtStart,
        meaning: "Seconds (1 to 3600) that a client may take to send its next request, and that it may leave an answer \
                  unread; then it is disconnected.",
        set: |config, text| values::seconds(text, 3600).map(|time| config.message_timeout = time),
        get: |config| config.message_timeout.as_secs().to_string(),
    },
    Key {
        name: "StopTimeout",
        from: None,
        applies: AtStart,
        meaning: "Seconds (1 to 3600) that running requests may take to finish when the service is told to stop.",
        set: |config, text| values::seconds(text, 3600).map(|time| config.stop_timeout = time),
        get: |config| config.stop_timeout.as_secs().to_string(),
    },
    Key {
        name: "MaxConnections",
        from: None,
        applies: AtStart,
        meaning: "Clients at one time, 1 to 65536; more have to wait.",
        set: |config, text| values::number(text, 1, 65_536).map(|most| config.max_connections = most),
        get: |config| config.max_connections.to_string(),
    },
    Key {
        name: "LogFile",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "File to append the log to, an absolute path; `none` is standard error, which systemd keeps in its \
                  journal. SIGHUP opens it anew, as log rotation needs.",
        set: |config, text| match text {
            "none" => {
                config.log.file = None;
                Ok(())
            }
            path => values::absolute(path).map(|path| config.log.file = Some(path)),
        },
        get: |config| config.log.file.as_ref().map_or_else(|| "none".into(), |path| path.display().to_string()),
    },
    Key {
        name: "DebugLevel",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "How much is logged: `quiet`, `error`, `info` (every change with caller, command, duration and result), \
                  `verbose` (every request), `debug` (connections too; so do `debug2` to `debug5`).",
        set: |config, text| values::level(text).map(|level| config.log.level = level),
        get: |config| values::write_level(config.log.level),
    },
    Key {
        name: "LogFormat",
        from: None,
        applies: AtStart,
        meaning: "`text`, or `json`: one JSON object a line.",
        set: |config, text| match text.to_ascii_lowercase().as_str() {
            kind @ ("text" | "json") => {
                config.log.json = kind == "json";
                Ok(())
            }
            _ => Err("text or json is needed".into()),
        },
        get: |config| if config.log.json { "json" } else { "text" }.into(),
    },
];
