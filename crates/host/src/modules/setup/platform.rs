//! What runs on the host: distribution, kernel, names, service and package manager, SELinux, virtualization.

use super::Facts;
use crate::change::outcome::Failure;
use words::value::{Map, Value};

/// ID of os-release(5), Ansible's name of the distribution, its family, its package manager.
const DISTRIBUTIONS: &[(&str, &str, &str, &str)] = &[
    ("almalinux", "AlmaLinux", "RedHat", "dnf"),
    ("alpine", "Alpine", "Alpine", "apk"),
    ("amzn", "Amazon", "RedHat", "dnf"),
    ("arch", "Archlinux", "Archlinux", "pacman"),
    ("centos", "CentOS", "RedHat", "dnf"),
    ("debian", "Debian", "Debian", "apt"),
    ("fedora", "Fedora", "RedHat", "dnf"),
    ("linuxmint", "Linux Mint", "Debian", "apt"),
    ("ol", "OracleLinux", "RedHat", "dnf"),
    ("opensuse-leap", "openSUSE Leap", "Suse", "zypper"),
    ("opensuse-tumbleweed", "openSUSE Tumbleweed", "Suse", "zypper"),
    ("raspbian", "Debian", "Debian", "apt"),
    ("rhel", "RedHat", "RedHat", "dnf"),
    ("rocky", "Rocky", "RedHat", "dnf"),
    ("sles", "SLES", "Suse", "zypper"),
    ("ubuntu", "Ubuntu", "Debian", "apt"),
];

/// Everything that is in Ansible's minimum about the machine.
pub fn gather(facts: &mut Facts) -> Result<(), Failure> {
    distribution(facts);
    names(facts);
    kernel(facts);
    managers(facts);
    selinux(facts);
    lsb(facts);
    Ok(())
}

/// `KEY=value` lines with optional quotes, as os-release(5) and lsb-release have them.
pub fn assignments(text: &str) -> Map {
    let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).into())).collect()
}

fn distribution(facts: &mut Facts) {
    let release = assignments(&facts.text("/etc/os-release"));
    let get = |key: &str| release.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = get("ID");
    let known = DISTRIBUTIONS.iter().find(|(known, ..)| *known == id);
    let name = known.map_or_else(|| get("NAME"), |(_, name, ..)| (*name).to_owned());
    let like = get("ID_LIKE");
    let family = known.or_else(|| DISTRIBUTIONS.iter().find(|(known, ..)| like.split(' ').any(|l| l == *known)));
    let family = family.map_or(name.as_str(), |(_, _, family, _)| family).to_owned();
    // Debian's point releases are only in this file; unstable has words there.
    let point = facts.text("/etc/debian_version");
    let is_number = point.starts_with(|c: char| c.is_ascii_digit());
    let version = if name == "Debian" && is_number { point } else { get("VERSION_ID") };
    let major = version.split('.').next().unwrap_or_default().to_owned();
    facts.set("distribution", name);
    facts.set("distribution_version", version);
    facts.set("distribution_major_version", major);
    facts.set(
        "distribution_release",
        if get("VERSION_CODENAME").is_empty() { "NA".into() } else { get("VERSION_CODENAME") },
    );
    facts.set("distribution_file_path", "/etc/os-release");
    facts.set("distribution_file_variety", family.clone());
    facts.set("os_family", family);
}

fn names(facts: &mut Facts) {
    let nodename = facts.text("/proc/sys/kernel/hostname");
    let hostname = nodename.split('.').next().unwrap_or_default().to_owned();
    let fqdn = full_name(&nodename, &facts.text("/etc/hosts"));
    let domain = fqdn.split_once('.').map_or("", |(_, domain)| domain).to_owned();
    facts.set("nodename", nodename);
    facts.set("hostname", hostname);
    facts.set("fqdn", fqdn);
    facts.set("domain", domain);
}

/// The first name with a dot on the line of /etc/hosts that has this host's name; else that name.
pub fn full_name(nodename: &str, hosts: &str) -> String {
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut lines = lines.map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>());
    let line = lines.find(|names| names.contains(&nodename)).unwrap_or_default();
    let dotted = line.iter().find(|name| name.contains('.') && !nodename.contains('.'));
    dotted.map_or(nodename, |name| name).to_owned()
}

fn kernel(facts: &mut Facts) {
    // This program runs on the host, so that it was built for its architecture.
    let machine = match facts.text("/proc/sys/kernel/arch") {
        text if text.is_empty() => std::env::consts::ARCH.to_owned(),
        text => text,
    };
    let system = facts.text("/proc/sys/kernel/ostype");
    facts.set("system", if system.is_empty() { "Linux".into() } else { system });
    facts.set("kernel", facts.text("/proc/sys/kernel/osrelease"));
    facts.set("kernel_version", facts.text("/proc/sys/kernel/version"));
    facts.set("architecture", machine.clone());
    facts.set("machine", machine);
    facts.set("userspace_bits", usize::BITS.to_string());
    let machine_id = facts.text("/etc/machine-id");
    facts.set("machine_id", machine_id);
    let words: Map = facts.text("/proc/cmdline").split_whitespace().map(cmdline_word).collect();
    facts.set("cmdline", words);
    facts.set("fips", facts.text("/proc/sys/crypto/fips_enabled") == "1");
}

fn cmdline_word(word: &str) -> (String, Value) {
    match word.split_once('=') {
        Some((name, value)) => (name.into(), value.into()),
        None => (word.into(), true.into()),
    }
}

fn managers(facts: &mut Facts) {
    const PROGRAMS: &[(&str, &str)] = &[
        ("/usr/bin/dnf5", "dnf5"),
        ("/usr/bin/dnf", "dnf"),
        ("/usr/bin/yum", "yum"),
        ("/usr/bin/apt-get", "apt"),
        ("/usr/bin/zypper", "zypper"),
        ("/usr/bin/pacman", "pacman"),
        ("/sbin/apk", "apk"),
    ];
    let found = PROGRAMS.iter().find(|(program, _)| facts.exists(program)).map(|(_, name)| *name);
    facts.set("pkg_mgr", found.unwrap_or("unknown"));
    let first = facts.text("/proc/1/comm");
    let service_mgr = match first.as_str() {
        "systemd" => "systemd",
        "runit-init" => "runit",
        "openrc-init" => "openrc",
        _ if facts.exists("/run/systemd/system") => "systemd",
        _ if facts.exists("/sbin/openrc") => "openrc",
        _ if facts.exists("/etc/init.d") => "sysvinit",
        _ => "service",
    };
    facts.set("service_mgr", service_mgr);
}

fn selinux(facts: &mut Facts) {
    let status = match facts.text("/sys/fs/selinux/enforce").as_str() {
        "" => Value::from_iter([("status", Value::from("disabled"))]),
        enforce => {
            let config = assignments(&facts.text("/etc/selinux/config"));
            let configured = |key: &str| config.get(key).cloned().unwrap_or("unknown".into());
            Value::from_iter([
                ("status", Value::from("enabled")),
                ("mode", if enforce == "1" { "enforcing" } else { "permissive" }.into()),
                ("config_mode", configured("SELINUX")),
                ("type", configured("SELINUXTYPE")),
                ("policyvers", facts.text("/sys/fs/selinux/policyvers").into()),
            ])
        }
    };
    facts.set("selinux", status);
    facts.set("selinux_python_present", false);
    facts.set(
        "apparmor",
        Value::from_iter([(
            "status",
            Value::from(if facts.exists("/sys/kernel/security/apparmor") { "enabled" } else { "disabled" }),
        )]),
    );
}

fn lsb(facts: &mut Facts) {
    let file = assignments(&facts.text("/etc/lsb-release"));
    let names = [("id", "ID"), ("release", "RELEASE"), ("codename", "CODENAME"), ("description", "DESCRIPTION")];
    let mut lsb: Map = names
        .iter()
        .filter_map(|(name, key)| Some((name.to_string(), file.get(&format!("DISTRIB_{key}"))?.clone())))
        .collect();
    if let Some(release) = lsb.get("release").and_then(Value::as_str) {
        let major = release.split('.').next().unwrap_or_default().to_owned();
        lsb.insert("major_release".into(), major.into());
    }
    facts.set("lsb", lsb);
}

/// What the host runs in.
pub fn virtualization(facts: &mut Facts) -> Result<(), Failure> {
    let (kind, role) = virtual_kind(facts);
    facts.set("virtualization_type", kind);
    facts.set("virtualization_role", role);
    Ok(())
}

fn virtual_kind(facts: &Facts) -> (&'static str, &'static str) {
    let started = facts.text("/proc/1/environ");
    if facts.exists("/.dockerenv") || started.contains("container=docker") {
        return ("docker", "guest");
    }
    if facts.exists("/run/.containerenv") || started.contains("container=podman") {
        return ("podman", "guest");
    }
    if started.contains("container=lxc") {
        return ("lxc", "guest");
    }
    if started.contains("container=") {
        return ("container", "guest");
    }
    let vendor = facts.text("/sys/class/dmi/id/sys_vendor") + " " + &facts.text("/sys/class/dmi/id/product_name");
    const PRODUCTS: &[(&str, &str)] = &[
        ("KVM", "kvm"),
        ("QEMU", "kvm"),
        ("Amazon EC2", "kvm"),
        ("Google", "kvm"),
        ("OpenStack", "openstack"),
        ("VMware", "VMware"),
        ("VirtualBox", "virtualbox"),
        ("innotek", "virtualbox"),
        ("Microsoft Corporation Virtual", "VirtualPC"),
        ("Xen", "xen"),
    ];
    if let Some((_, kind)) = PRODUCTS.iter().find(|(word, _)| vendor.contains(word)) {
        return (kind, "guest");
    }
    match facts.text("/proc/cpuinfo").lines().any(|line| line.starts_with("flags") && line.contains(" hypervisor")) {
        true => ("kvm", "guest"),
        false if facts.exists("/dev/kvm") => ("kvm", "host"),
        false => ("NA", "NA"),
    }
}
