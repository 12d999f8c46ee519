//! What a node has: CPUs, memory and devices, as the kernel and `gres.conf` say; and its boot.

use nix::sys::stat::{major, minor};
use scheduling::id::Boot;
use scheduling::job::GresShare;
use scheduling::node::{GresStock, Hardware};
use scheduling::units::Units;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use words::text::hostlist;

/// What a node has, with what the kernel calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// For the master.
    pub hardware: Hardware,
    /// The kernel's number of each CPU: threads of one core follow each other, as the scheduler gives whole cores.
    pub cpus: Vec<u32>,
    /// Devices in their order.
    pub devices: Vec<Device>,
    /// What of `gres.conf` means nothing here.
    pub warnings: Vec<String>,
}

/// A device that jobs get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// `gpu`
    pub name: String,
    /// `a100`
    pub kind: Option<String>,
    /// The file that it is opened by; `None` where it is only counted.
    pub file: Option<PathBuf>,
}

impl Inventory {
    /// Looks at this host. `gres` is the path of gres.conf(5); without that file GPUs are what `/dev/nvidia[0-9]*` are.
    pub fn find(node: &str, gres: &Path) -> Result<Self, String> {
        let cpus = cpus();
        let mut warnings = Vec::new();
        let devices = match fs::read_to_string(gres) {
            Ok(text) => read_gres(&text, node, &mut warnings),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => nvidia(Path::new("/dev")),
            Err(error) => return Err(format!("cannot read {}: {error}", gres.display())),
        };
        let hardware = Hardware {
            cpus: cpus.len() as u32,
            threads_per_core: threads_per_core(&cpus),
            memory: memory()?,
            gres: stock(&devices),
        };
        Ok(Self { hardware, cpus, devices, warnings })
    }

    /// The kernel's numbers of a share's CPUs, as cpuset(7) lists them.
    pub fn real_cpus(&self, share: &Units) -> String {
        let mut real = Units::default();
        share.iter().filter_map(|at| self.cpus.get(at as usize)).for_each(|cpu| {
            real.insert(*cpu);
        });
        real.to_string()
    }

    /// The numbers of a share's GPUs: those in the names of their files, else their places among all GPUs.
    pub fn gpu_numbers(&self, gres: &[GresShare]) -> Vec<u32> {
        let gpus = self.devices.iter().filter(|device| device.name == "gpu").zip(0u32..);
        let given = gpus.filter(|(device, _)| self.is_given(device, gres));
        let mut numbers: Vec<u32> = given.map(|(device, at)| device.number().unwrap_or(at)).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The devices that a share does not have, as `devices.deny` names them. The error names the file that is no device.
    pub fn denied(&self, gres: &[GresShare]) -> Result<Vec<String>, String> {
        let others = self.devices.iter().filter(|device| !self.is_given(device, gres));
        others.filter_map(|device| device.file.as_deref()).map(kernels_name).collect()
    }

    fn is_given(&self, device: &Device, gres: &[GresShare]) -> bool {
        let alike = self.devices.iter().filter(|other| (&other.name, &other.kind) == (&device.name, &device.kind));
        let place = alike.zip(0u32..).find(|(other, _)| std::ptr::eq(*other, device)).map(|(_, at)| at);
        let shares = gres.iter().filter(|share| share.name == device.name && share.kind == device.kind);
        place.is_some_and(|at| shares.into_iter().any(|share| share.devices.contains(at)))
    }
}

impl Device {
    fn number(&self) -> Option<u32> {
        let name = self.file.as_ref()?.file_name()?.to_str()?;
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
        name[name.len() - digits..].parse().ok()
    }
}

/// The kernel that runs now.
pub fn boot() -> Result<Boot, String> {
    let path = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).map(Boot).map_err(|_| format!("{path} holds no number"))
}

/// A device by its numbers, with all that can be done to it.
fn kernels_name(file: &Path) -> Result<String, String> {
    let meta = fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let (major, minor) = (major(meta.rdev()), minor(meta.rdev()));
    if !meta.file_type().is_char_device() {
        return Err(format!("{} is no character device", file.display()));
    }
    Ok(format!("c {major}:{minor} rwm"))
}

/// CPUs that this process may use, by socket and core.
fn cpus() -> Vec<u32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    let mut cpus = listed(allowed);
    cpus.sort_by_key(|cpu| (topology(*cpu, "physical_package_id"), topology(*cpu, "core_id"), *cpu));
    cpus
}

/// Numbers as cpuset(7) lists them.
fn listed(text: &str) -> Vec<u32> {
    hostlist::expand(&format!("[{}]", text.trim())).into_iter().flatten().filter_map(|it| it.parse().ok()).collect()
}

/// A CPU's number of something; 0 where the kernel does not say.
fn topology(cpu: u32, what: &str) -> i64 {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/{what}");
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Threads of a core; 1 unless all cores have the same number of threads that can be used.
fn threads_per_core(cpus: &[u32]) -> u32 {
    let core = |cpu: &u32| (topology(*cpu, "physical_package_id"), topology(*cpu, "core_id"));
    // Where the kernel has no topology, all CPUs look like one core.
    if !Path::new("/sys/devices/system/cpu/cpu0/topology/core_id").exists() {
        return 1;
    }
    let mut sizes = cpus.chunk_by(|a, b| core(a) == core(b)).map(|threads| threads.len() as u32);
    let first = sizes.next().unwrap_or(1);
    if sizes.all(|size| size == first) { first } else { 1 }
}

/// Megabytes.
fn memory() -> Result<u64, String> {
    let text = fs::read_to_string("/proc/meminfo").map_err(|error| format!("cannot read /proc/meminfo: {error}"))?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let kilobytes: Option<u64> = total.and_then(|total| total.trim().parse().ok());
    kilobytes.map(|it| it / 1024).ok_or_else(|| "/proc/meminfo has no MemTotal".to_owned())
}

fn nvidia(directory: &Path) -> Vec<Device> {
    let names =
        fs::read_dir(directory).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.strip_prefix("nvidia")?.parse().ok()).collect();
    numbers.sort_unstable();
    let device =
        |number| Device { name: "gpu".into(), kind: None, file: Some(directory.join(format!("nvidia{number}"))) };
    numbers.into_iter().map(device).collect()
}

/// Lines of gres.conf(5) that are about this node.
fn read_gres(text: &str, node: &str, warnings: &mut Vec<String>) -> Vec<Device> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| read_gres_line(line, node, warnings)).collect()
}

fn read_gres_line(line: &str, node: &str, warnings: &mut Vec<String>) -> Vec<Device> {
    let value = |key: &str| {
        let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
        pairs.filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value).next_back()
    };
    if let Some(way) = value("AutoDetect").filter(|way| !way.eq_ignore_ascii_case("off")) {
        warnings.push(format!("gres.conf: AutoDetect={way} does nothing here: name the devices by File="));
    }
    let is_here = value("NodeName").is_none_or(|nodes| names(nodes).iter().any(|name| name == node));
    let Some(name) = value("Name").filter(|_| is_here) else { return Vec::new() };
    let device = |file| Device { name: name.to_lowercase(), kind: value("Type").map(str::to_owned), file };
    match value("File") {
        Some(files) => names(files).into_iter().map(|file| device(Some(file.into()))).collect(),
        None => {
            let count = value("Count").and_then(|count| count.parse().ok()).unwrap_or(1);
            std::iter::repeat_with(|| device(None)).take(count).collect()
        }
    }
}

/// `a[0-1],b`: names apart by commas, outside brackets.
fn names(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        match parts.last_mut() {
            Some(last) if c != ',' || depth > 0 => last.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.iter().flat_map(|part| hostlist::expand(part).unwrap_or_default()).collect()
}

/// Devices counted by name and kind, in their order.
fn stock(devices: &[Device]) -> Vec<GresStock> {
    let mut stock: Vec<GresStock> = Vec::new();
    for device in devices {
        match stock.iter_mut().find(|it| it.name == device.name && it.kind == device.kind) {
            Some(known) => known.count += 1,
            None => stock.push(GresStock { name: device.name.clone(), kind: device.kind.clone(), count: 1 }),
        }
    }
    stock
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRES: &str = "# ours\nName=gpu Type=a100 File=/dev/nvidia[2-3]\nNodeName=n[1-2] Name=gpu File=/dev/nvidia0\n\
                        NodeName=other Name=gpu File=/dev/nvidia9\nName=nic Count=4\nAutoDetect=nvml\n";

    fn inventory() -> Inventory {
        let mut warnings = Vec::new();
        let devices = read_gres(GRES, "n1", &mut warnings);
        let hardware = Hardware { gres: stock(&devices), ..Hardware::new(4, 1000) };
        Inventory { hardware, cpus: vec![0, 2, 1, 3], devices, warnings }
    }

    #[test]
    fn devices_of_this_node_are_counted() {
        let found = inventory();
        let counted: Vec<_> =
            found.hardware.gres.iter().map(|it| (it.name.as_str(), it.kind.as_deref(), it.count)).collect();
        assert_eq!(counted, [("gpu", Some("a100"), 2), ("gpu", None, 1), ("nic", None, 4)]);
        assert_eq!(found.warnings, ["gres.conf: AutoDetect=nvml does nothing here: name the devices by File="]);
    }

    #[test]
    fn a_share_is_told_in_the_kernels_numbers() {
        let found = inventory();
        assert_eq!(found.real_cpus(&Units::first(2)), "0,2");
        let share = |kind: Option<&str>, count| GresShare {
            name: "gpu".into(),
            kind: kind.map(str::to_owned),
            devices: Units::first(count),
        };
        assert_eq!(found.gpu_numbers(&[share(Some("a100"), 1)]), [2]);
        assert_eq!(found.gpu_numbers(&[share(None, 1), share(Some("a100"), 2)]), [0, 2, 3]);
    }

    #[test]
    fn what_a_share_does_not_have_is_denied() {
        let device = |file: &str| Device { name: "gpu".into(), kind: None, file: Some(file.into()) };
        let devices = vec![device("/dev/null"), device("/dev/zero")];
        let found = Inventory { devices, ..inventory() };
        let second = GresShare { name: "gpu".into(), kind: None, devices: [1].to_vec().try_into().unwrap() };
        assert_eq!(found.denied(&[second]), Ok(vec!["c 1:3 rwm".to_owned()]));
        assert_eq!(found.denied(&[]).unwrap().len(), 2);
        let wrong = Inventory { devices: vec![device("/etc/passwd")], ..inventory() };
        assert_eq!(wrong.denied(&[]), Err("/etc/passwd is no character device".to_owned()));
    }

    #[test]
    fn this_host_has_something() {
        let found = Inventory::find("n1", Path::new("/nonexistent/gres.conf")).unwrap();
        assert!(found.hardware.cpus > 0 && found.hardware.memory > 0, "{found:?}");
        assert_eq!(found.cpus.len() as u32 % found.hardware.threads_per_core, 0);
        assert_ne!(boot().unwrap(), Boot(0));
    }

    #[test]
    fn numbers_of_nvidias_files() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "null"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let numbers: Vec<_> = nvidia(directory.path()).iter().map(|it| it.number()).collect();
        assert_eq!(numbers, [Some(2), Some(10)]);
    }
}
