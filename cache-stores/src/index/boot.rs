//! Whether the machine has been up since: what a killed process wrote is in the system's memory until then.

/// The name of this run of the machine; empty where it cannot be told.
pub(super) fn id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}
