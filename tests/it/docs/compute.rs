//! docs/compute.md: a certificate for a compute node.

use super::page::{Page, typed};
use crate::support::Lab;

/// Does what the page says for `node1`, on any node: the master has an authority, and all have their configuration.
pub fn certify(lab: &Lab, node: &str) {
    let page = Page::read("docs/compute.md");
    for step in typed(&page.take("node1$   enlist cert request").replace("node1", node)) {
        let host = step.host.as_deref().expect("each line names a host");
        step.is_as_shown(&lab.sh(host, &format!("cd /root && {}", step.command)), 0);
        // What was printed travels by the administrator's own hands.
        let other = if host == "master" { node } else { "master" };
        if let Some(file) = step.command.split_once('>').and_then(|(_, rest)| rest.split_whitespace().next()) {
            let copy = lab.write_temp(file, &lab.file(host, &format!("/root/{file}")));
            lab.lab(&["put", other, copy.to_str().expect("UTF-8"), &format!("/root/{file}")]).ok();
        }
    }
    page.is_done();
}
