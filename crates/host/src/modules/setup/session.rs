//! Who runs this, with which environment, and what time it is.

use super::Facts;
use crate::change::outcome::Failure;
use crate::identity::Uid;
use crate::system::lookup;
use jiff::Zoned;
use std::path::Path;
use words::value::{Map, Value};

/// User, environment, time.
pub fn gather(facts: &mut Facts) -> Result<(), Failure> {
    user(facts)?;
    let environment = environment(facts);
    facts.set("env", environment);
    facts.set("date_time", date_time(&Zoned::now()));
    Ok(())
}

fn user(facts: &mut Facts) -> Result<(), Failure> {
    let me = facts.system.stat(Path::new("/proc/self"), true)?.map_or(Uid::ROOT, |stat| stat.uid);
    facts.set("real_user_id", me);
    facts.set("effective_user_id", me);
    let Some(found) = lookup::user(facts.system, &me.to_string())? else { return Ok(()) };
    let user = found.into_entry();
    facts.set("user_gecos", user.comment());
    facts.set("user_id", user.name);
    facts.set("user_uid", user.uid);
    facts.set("user_gid", user.gid);
    facts.set("user_dir", user.home);
    facts.set("user_shell", user.shell);
    facts.set("real_group_id", user.gid);
    facts.set("effective_group_id", user.gid);
    Ok(())
}

/// The environment that this process was started with.
fn environment(facts: &Facts) -> Map {
    let text = facts.text("/proc/self/environ");
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// Ansible's forms of one moment.
pub fn date_time(now: &Zoned) -> Map {
    let utc = now.with_time_zone(jiff::tz::TimeZone::UTC);
    let local = |format: &str| now.strftime(format).to_string();
    let texts = [
        ("year", local("%Y")),
        ("month", local("%m")),
        ("weekday", local("%A")),
        ("weekday_number", local("%w")),
        ("weeknumber", local("%W")),
        ("day", local("%d")),
        ("hour", local("%H")),
        ("minute", local("%M")),
        ("second", local("%S")),
        ("epoch", now.timestamp().as_second().to_string()),
        ("epoch_int", now.timestamp().as_second().to_string()),
        ("date", local("%Y-%m-%d")),
        ("time", local("%H:%M:%S")),
        ("iso8601_micro", utc.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()),
        ("iso8601", utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("iso8601_basic", local("%Y%m%dT%H%M%S%6f")),
        ("iso8601_basic_short", local("%Y%m%dT%H%M%S")),
        ("tz", local("%Z")),
        ("tz_offset", local("%z")),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
}
