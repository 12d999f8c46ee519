//! Interfaces and addresses, from /sys/class/net and /proc/net.

use super::Facts;
use crate::change::outcome::Failure;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use words::value::{Map, Value};

/// One line of /proc/net/route.
struct Route {
    interface: String,
    network: u32,
    gateway: u32,
    mask: u32,
    metric: u32,
}

/// One IPv4 address and the network that it is in.
struct Address {
    interface: String,
    address: u32,
    mask: u32,
}

/// Interfaces, their addresses, and the default route.
pub fn gather(facts: &mut Facts) -> Result<(), Failure> {
    let names: Vec<String> = if facts.exists("/sys/class/net") {
        facts.system.list(Path::new("/sys/class/net"))?.iter().map(|n| n.to_string_lossy().into_owned()).collect()
    } else {
        Vec::new()
    };
    let routes = routes(&facts.text("/proc/net/route"));
    let addresses = addresses(&facts.text("/proc/net/fib_trie"), &routes);
    let six = six(&facts.text("/proc/net/if_inet6"));
    let texts = |names: &[String]| names.iter().map(|name| Value::from(name.as_str())).collect::<Vec<_>>();
    facts.set("interfaces", texts(&names));
    let all = addresses.iter().filter(|a| a.address >> 24 != 127).map(|a| Value::from(show(a.address)));
    facts.set("all_ipv4_addresses", all.collect::<Vec<_>>());
    let all = six.iter().filter(|(_, address, _)| !address.is_loopback()).map(|(_, a, _)| Value::from(a.to_string()));
    facts.set("all_ipv6_addresses", all.collect::<Vec<_>>());
    for name in &names {
        let interface = interface(facts, name, &addresses, &six);
        // As in Ansible: a fact's name has no dash, colon or dot.
        facts.set(&name.replace(['-', ':', '.'], "_"), interface);
    }
    let default = default_route(facts, &routes, &addresses);
    facts.set("default_ipv4", default);
    Ok(())
}

fn show(address: u32) -> String {
    Ipv4Addr::from(address).to_string()
}

/// Addresses are in hexadecimal and in the machine's byte order there.
fn routes(text: &str) -> Vec<Route> {
    let route = |line: &str| -> Option<Route> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| u32::from_str_radix(fields.get(index)?, 16).ok().map(u32::to_be);
        Some(Route {
            interface: (*fields.first()?).into(),
            network: number(1)?,
            gateway: number(2)?,
            metric: fields.get(6)?.parse().ok()?,
            mask: number(7)?,
        })
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// The addresses of this host, with the interface of the narrowest route to their network.
fn addresses(fib_trie: &str, routes: &[Route]) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last.map(u32::from)
            && found.iter().all(|other| other.address != address)
        {
            found.push(place(address, routes));
        }
    }
    found
}

fn place(address: u32, routes: &[Route]) -> Address {
    let near =
        routes.iter().filter(|route| route.gateway == 0 && route.mask != 0 && address & route.mask == route.network);
    match near.max_by_key(|route| route.mask) {
        Some(route) => Address { interface: route.interface.clone(), address, mask: route.mask },
        None if address >> 24 == 127 => Address { interface: "lo".into(), address, mask: 0xff00_0000 },
        None => Address { interface: String::new(), address, mask: u32::MAX },
    }
}

/// Interface, address and prefix length of every line of /proc/net/if_inet6.
fn six(text: &str) -> Vec<(String, Ipv6Addr, u32)> {
    let line = |line: &str| -> Option<(String, Ipv6Addr, u32)> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let address = u128::from_str_radix(fields.first()?, 16).ok()?;
        Some(((*fields.get(5)?).into(), address.into(), u32::from_str_radix(fields.get(2)?, 16).ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn ipv4(address: &Address) -> Map {
    let Address { address, mask, .. } = *address;
    let texts = [
        ("address", show(address)),
        ("netmask", show(mask)),
        ("network", show(address & mask)),
        ("broadcast", show(address | !mask)),
        ("prefix", mask.count_ones().to_string()),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

fn interface(facts: &Facts, name: &str, addresses: &[Address], six: &[(String, Ipv6Addr, u32)]) -> Map {
    let sys = |file: &str| facts.text(&format!("/sys/class/net/{name}/{file}"));
    let mut map = Map::new();
    map.insert("device".into(), name.into());
    map.insert("active".into(), (matches!(sys("operstate").as_str(), "up" | "unknown")).into());
    map.insert("mtu".into(), sys("mtu").parse::<i64>().ok().into());
    // 772 is ARPHRD_LOOPBACK of the kernel.
    map.insert("type".into(), if sys("type") == "772" { "loopback" } else { "ether" }.into());
    if sys("type") != "772" && !sys("address").is_empty() {
        map.insert("macaddress".into(), sys("address").into());
    }
    let mut own = addresses.iter().filter(|address| address.interface == name).map(ipv4);
    if let Some(first) = own.next() {
        map.insert("ipv4".into(), first.into());
    }
    let others: Vec<Value> = own.map(Value::from).collect();
    if !others.is_empty() {
        map.insert("ipv4_secondaries".into(), others.into());
    }
    let six: Vec<Value> = six
        .iter()
        .filter(|(interface, ..)| interface == name)
        .map(|(_, address, prefix)| {
            Value::from_iter(
                [("address", address.to_string()), ("prefix", prefix.to_string())].map(|(k, v)| (k, Value::from(v))),
            )
        })
        .collect();
    if !six.is_empty() {
        map.insert("ipv6".into(), six.into());
    }
    map
}

fn default_route(facts: &Facts, routes: &[Route], addresses: &[Address]) -> Map {
    let defaults = routes.iter().filter(|route| route.network == 0 && route.mask == 0);
    let Some(route) = defaults.min_by_key(|route| route.metric) else { return Map::new() };
    let on_it = || addresses.iter().filter(|address| address.interface == route.interface);
    let near = on_it().find(|a| a.address & a.mask == route.gateway & a.mask).or_else(|| on_it().next());
    let mut map = near.map(ipv4).unwrap_or_default();
    map.insert("gateway".into(), show(route.gateway).into());
    map.insert("interface".into(), route.interface.as_str().into());
    map.insert("alias".into(), route.interface.as_str().into());
    map.insert("type".into(), "ether".into());
    let mac = facts.text(&format!("/sys/class/net/{}/address", route.interface));
    map.insert("macaddress".into(), mac.into());
    map
}
