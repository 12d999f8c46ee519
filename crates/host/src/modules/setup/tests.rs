use super::*;
use crate::engine::testing::{args, fails, is_ok};
use crate::parameters::ModuleParameters;
use crate::system::ProgramOutput;
use crate::system::fake::Fake;

const FIB_TRIE: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.1
           /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
Local:
        |-- 10.0.0.1
           /32 host LOCAL
";
const ROUTE: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\tFE00000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";

fn host() -> Fake {
    Fake::with_accounts()
        .file("/etc/os-release", "ID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n")
        .file("/etc/debian_version", "12.7\n")
        .file("/etc/hosts", "127.0.0.1 localhost\n10.0.0.1 login1.hpc.example login1 # me\n")
        .file("/proc/sys/kernel/hostname", "login1\n")
        .file("/proc/sys/kernel/osrelease", "6.1.0\n")
        .file("/proc/1/comm", "systemd\n")
        .file("/usr/bin/apt-get", "")
        .file("/proc/self/environ", "HOME=/root\0PATH=/bin\0")
        .file(
            "/proc/cpuinfo",
            "processor : 0\nmodel name : CPU\ncpu cores : 2\nsiblings : 4\n\nprocessor : 1\nmodel name : CPU\n",
        )
        .file("/proc/meminfo", "MemTotal:       2048000 kB\nSwapTotal:  0 kB\n")
        .file("/proc/mounts", "proc /proc proc rw 0 0\n/dev/sda1 / ext4 rw,noatime 0 0\nnas:/home /home nfs4 rw 0 0\n")
        .file("/proc/net/fib_trie", FIB_TRIE)
        .file("/proc/net/route", ROUTE)
        .file("/sys/class/net/eth0/mtu", "1500\n")
        .file("/sys/class/net/eth0/operstate", "up\n")
        .file("/sys/class/net/eth0/address", "02:00:00:00:00:01\n")
        .file("/sys/class/net/lo/type", "772\n")
        .file("/etc/ansible/facts.d/a.fact", "[Site]\nName = x\n")
        .file("/etc/ansible/facts.d/b.fact", "{\"n\": 1}")
}

fn gathered(pairs: &[(&str, &str)]) -> Map {
    let outcome = is_ok(&Setup, &args(pairs), &mut host());
    outcome.values["ansible_facts"].as_map().unwrap().clone()
}

#[test]
fn facts_of_a_host() {
    let facts = gathered(&[]);
    let expected = [
        ("distribution", "'Debian'"),
        ("distribution_version", "'12.7'"),
        ("distribution_major_version", "'12'"),
        ("distribution_release", "'bookworm'"),
        ("os_family", "'Debian'"),
        ("hostname", "'login1'"),
        ("fqdn", "'login1.hpc.example'"),
        ("domain", "'hpc.example'"),
        ("kernel", "'6.1.0'"),
        ("service_mgr", "'systemd'"),
        ("pkg_mgr", "'apt'"),
        ("processor_vcpus", "2"),
        ("processor_threads_per_core", "2"),
        ("memtotal_mb", "2000"),
        ("interfaces", "['eth0', 'lo']"),
        ("all_ipv4_addresses", "['10.0.0.1']"),
        ("user_id", "'root'"),
        ("user_dir", "'/root'"),
        ("env", "{'HOME': '/root', 'PATH': '/bin'}"),
        ("selinux", "{'status': 'disabled'}"),
        ("virtualization_type", "'NA'"),
        ("local", "{'a': {'Site': {'name': 'x'}}, 'b': {'n': 1}}"),
    ];
    for (name, value) in expected {
        assert_eq!(facts[&format!("ansible_{name}")].repr(), value, "{name}");
    }
    let default = &facts["ansible_default_ipv4"];
    for (name, value) in
        [("address", "10.0.0.1"), ("gateway", "10.0.0.254"), ("netmask", "255.255.255.0"), ("interface", "eth0")]
    {
        assert_eq!(default.get(name), Some(&value.into()), "{name}");
    }
    assert_eq!(facts["ansible_eth0"].get("ipv4").unwrap().get("prefix"), Some(&"24".into()));
    let mounts: Vec<_> =
        facts["ansible_mounts"].as_list().unwrap().iter().map(|m| m.get("mount").unwrap().to_string()).collect();
    assert_eq!(mounts, ["/", "/home"]);
    assert!(!facts.contains_key("ansible_python"));
}

#[test]
fn subsets() {
    let parse = |text: &str| {
        let names: Vec<_> = text.split(',').map(str::to_owned).collect();
        let Subsets { min, hardware, network, virtualization } = Subsets::parse(&names).unwrap();
        [min, hardware, network, virtualization]
    };
    for (text, expected) in [
        ("all", [true, true, true, true]),
        ("min", [true, false, false, false]),
        ("!all", [true, false, false, false]),
        ("!all,!min", [false, false, false, false]),
        ("!all,network", [true, false, true, false]),
        ("!hardware", [true, false, true, true]),
        ("hardware", [true, true, false, false]),
        ("!all,!min,network", [false, false, true, false]),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
    assert!(
        fails(&Setup, &args(&[("gather_subset", "hardwere")]), &mut host()).msg.starts_with("Bad subset 'hardwere'")
    );
}

#[test]
fn filters_fit_both_names() {
    let facts = gathered(&[("filter", "ansible_dist*,hostname")]);
    let names: Vec<_> = facts.keys().map(String::as_str).collect();
    assert!(names.contains(&"ansible_hostname") && names.contains(&"ansible_distribution"));
    assert!(!names.contains(&"ansible_kernel"));
}

#[test]
fn programs_are_local_facts_too() {
    let said = ProgramOutput { stdout: b"[1]".to_vec(), ..ProgramOutput::default() };
    let mut fake = host().file("/facts/p.fact", "").program(["/facts/p.fact"], said);
    let mode = crate::system::Attributes { mode: Some(0o755), ..Default::default() };
    fake.set_attributes(Path::new("/facts/p.fact"), mode).unwrap();
    let outcome = is_ok(&Setup, &args(&[("fact_path", "/facts")]), &mut fake);
    assert_eq!(outcome.values["ansible_facts"].get("ansible_local").unwrap().repr(), "{'p': [1]}");
}

#[test]
fn this_machine_has_facts() {
    let system = crate::system::local::Local::new();
    let given = SetupParameters::read(&Map::new()).unwrap();
    let Ok(Verdict::Satisfied(outcome)) = Setup.check(&given, &system) else { panic!("no facts") };
    let facts = &outcome.values["ansible_facts"];
    for name in ["kernel", "hostname", "distribution", "user_id", "architecture"] {
        assert!(facts.get(&format!("ansible_{name}")).unwrap().is_truthy(), "{name}");
    }
}
