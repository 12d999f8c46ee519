//! Processors, memory, uptime, mounts.

use super::Facts;
use crate::change::outcome::Failure;
use std::collections::BTreeSet;
use words::value::{Map, Value};

/// All of it.
pub fn gather(facts: &mut Facts) -> Result<(), Failure> {
    processors(facts);
    memory(facts);
    let uptime = facts.text("/proc/uptime").split('.').next().and_then(|seconds| seconds.parse::<i64>().ok());
    facts.set("uptime_seconds", uptime);
    let mounts = mounts(&facts.text("/proc/mounts"));
    facts.set("mounts", mounts);
    for (name, file) in
        [("product_name", "product_name"), ("system_vendor", "sys_vendor"), ("bios_version", "bios_version")]
    {
        let text = facts.text(&format!("/sys/class/dmi/id/{file}"));
        facts.set(name, if text.is_empty() { "NA".to_owned() } else { text });
    }
    Ok(())
}

fn processors(facts: &mut Facts) {
    let text = facts.text("/proc/cpuinfo");
    let values = |wanted: &str| -> Vec<String> {
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.filter(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim().to_owned()).collect()
    };
    let numbers = values("processor");
    let (vendors, models) = (values("vendor_id"), values("model name"));
    let mut list = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        list.push(Value::from(number.as_str()));
        list.extend([&vendors, &models].iter().filter_map(|of| of.get(index)).map(|text| Value::from(text.as_str())));
    }
    let vcpus = numbers.len() as i64;
    let sockets = values("physical id").into_iter().collect::<BTreeSet<_>>().len().max(1) as i64;
    let first = |name: &str| values(name).first().and_then(|text| text.parse::<i64>().ok());
    let cores = first("cpu cores").unwrap_or(1).max(1);
    let threads = first("siblings").map_or(1, |siblings| (siblings / cores).max(1));
    facts.set("processor", list);
    facts.set("processor_vcpus", vcpus);
    facts.set("processor_nproc", vcpus);
    facts.set("processor_count", sockets);
    facts.set("processor_cores", cores);
    facts.set("processor_threads_per_core", threads);
}

fn memory(facts: &mut Facts) {
    let text = facts.text("/proc/meminfo");
    let megabytes = |wanted: &str| {
        let line = text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| *name == wanted)?;
        let kilobytes: i64 = line.1.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes / 1024)
    };
    for (fact, name) in [
        ("memtotal_mb", "MemTotal"),
        ("memfree_mb", "MemFree"),
        ("memavailable_mb", "MemAvailable"),
        ("swaptotal_mb", "SwapTotal"),
        ("swapfree_mb", "SwapFree"),
    ] {
        facts.set(fact, megabytes(name));
    }
}

/// File systems on devices and from servers; without sizes, which would wait for a server that is gone.
fn mounts(text: &str) -> Vec<Value> {
    let fields = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let real = fields.filter(|fields| fields.len() > 3 && (fields[0].starts_with('/') || fields[0].contains(":/")));
    let mount = |fields: Vec<&str>| -> Value {
        let names = ["device", "mount", "fstype", "options"];
        let values = fields.iter().map(|field| Value::from(field.replace("\\040", " ")));
        Value::Map(names.iter().map(|name| name.to_string()).zip(values).collect::<Map>())
    };
    real.map(mount).collect()
}
