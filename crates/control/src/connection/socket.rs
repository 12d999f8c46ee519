//! The way to a host's ssh port: TCP, or a command such as `ssh -W` in between.

use crate::connection::settings::{Proxy, Settings};
use nix::sys::socket::{Shutdown, setsockopt, shutdown, sockopt};
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An open way to a host.
pub struct Socket {
    file: OwnedFd,
    proxy: Option<Carrier>,
    is_near: bool,
}

/// A host that takes a connection within this time is on the same site: 1 Gbit/s or more lie between, usually 10. What
/// lies behind another program is anywhere.
const NEAR: Duration = Duration::from_millis(5);

/// The command in between.
struct Carrier {
    child: Child,
    complaints: UnixStream,
}

impl Socket {
    /// Opens the way; errors are in ssh's words.
    pub fn open(settings: &Settings, home: &Path) -> Result<Self, String> {
        match &settings.proxy {
            None => {
                let (stream, took) = connect(settings)?;
                Ok(Self { file: stream.into(), proxy: None, is_near: took < NEAR })
            }
            Some(proxy) => {
                let command = proxy_command(proxy, settings, home)?;
                spawn(&command).map_err(|error| format!("cannot start `{command}`: {error}"))
            }
        }
    }

    /// Whether the host is on the same site, as far as one can tell.
    pub fn is_near(&self) -> bool {
        self.is_near
    }

    /// Another handle, for the session.
    pub fn handle(&self) -> io::Result<OwnedFd> {
        self.file.try_clone()
    }

    /// Closes it in both directions, also for other handles.
    pub fn shut(&self) {
        let _ = shutdown(self.file.as_raw_fd(), Shutdown::Both);
    }

    /// What the command in between complained about, when it carried nothing.
    pub fn complaints(&mut self) -> String {
        let Some(carrier) = &mut self.proxy else { return String::new() };
        let mut bytes = Vec::new();
        let _ = carrier.complaints.set_read_timeout(Some(Duration::from_millis(300)));
        let _ = (&carrier.complaints).take(8192).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.shut();
        if let Some(carrier) = &mut self.proxy {
            let _ = carrier.child.kill();
            let _ = carrier.child.wait();
        }
    }
}

/// Tries every address that the name has, within one time limit; the connection and how long it took to be taken.
fn connect(settings: &Settings) -> Result<(TcpStream, Duration), String> {
    let (host, port) = (&settings.hostname, settings.port);
    let deadline = Instant::now() + settings.timeout;
    let addresses: Vec<SocketAddr> = (host.as_str(), port)
        .to_socket_addrs()
        .map_err(|error| format!("Could not resolve hostname {host}: {}", plain(&error)))?
        .collect();
    let mut last = io::Error::other("it has no address");
    for address in addresses {
        let began = Instant::now();
        let left = deadline.saturating_duration_since(began).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left).and_then(|stream| tune(&stream).map(|()| stream)) {
            Ok(stream) => return Ok((stream, began.elapsed())),
            Err(error) => last = error,
        }
    }
    Err(format!("connect to host {host} port {port}: {}", plain(&last)))
}

/// An I/O error without "(os error 111)"; a timeout in the words of connect(2).
fn plain(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::TimedOut {
        return "Connection timed out".into();
    }
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Small frames leave at once, and a host that vanished in the middle of a task is noticed after about a minute,
/// though a module may be silent for hours.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &30)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &10)?;
    setsockopt(stream, sockopt::TcpKeepCount, &3)?;
    setsockopt(stream, sockopt::TcpUserTimeout, &60_000)?;
    Ok(())
}

/// The shell command that carries the connection. Names that a shell would read as more than a word are refused in it.
fn proxy_command(proxy: &Proxy, settings: &Settings, home: &Path) -> Result<String, String> {
    Ok(match proxy {
        Proxy::Command(text) => {
            shell_word("host", &settings.hostname)?;
            shell_word("user", &settings.user)?;
            settings.fill(text, home)
        }
        Proxy::Jump(hosts) => {
            let (before, last) = hosts.rsplit_once(',').map_or((None, hosts.as_str()), |(b, l)| (Some(b), l));
            let jump = before.map(|hosts| format!(" -J {}", shell_words::quote(hosts))).unwrap_or_default();
            let last = if last.starts_with("ssh://") { last.to_owned() } else { format!("ssh://{last}") };
            let to = format!("[{}]:{}", settings.hostname, settings.port);
            let file =
                settings.file.as_ref().map(|file| format!(" -F {}", shell_words::quote(file))).unwrap_or_default();
            format!("ssh -o BatchMode=yes{file}{jump} -W {} {}", shell_words::quote(&to), shell_words::quote(&last))
        }
    })
}

/// Refuses a name that is more than a plain word to a shell, by the rule of ssh since 9.6 (`valid_hostname`).
fn shell_word(what: &str, name: &str) -> Result<(), String> {
    let is_special = |c: char| "'`\"$\\;&<>|(){}".contains(c) || c.is_whitespace() || c.is_control();
    if name.starts_with('-') || name.contains(is_special) {
        return Err(format!("the {what} name {name:?} holds characters that must not reach a ProxyCommand"));
    }
    Ok(())
}

fn spawn(command: &str) -> io::Result<Socket> {
    let (ours, theirs) = UnixStream::pair()?;
    let (complaints, their_complaints) = UnixStream::pair()?;
    let theirs = OwnedFd::from(theirs);
    let child = Command::new("/bin/sh")
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::from(theirs.try_clone()?))
        .stdout(Stdio::from(theirs))
        .stderr(Stdio::from(OwnedFd::from(their_complaints)))
        .spawn()?;
    Ok(Socket { file: ours.into(), proxy: Some(Carrier { child, complaints }), is_near: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::settings::Strict;
    use crate::connection::settings::tests::settings;

    #[test]
    fn jumps_become_ssh_w() {
        let settings = settings();
        assert_eq!(settings.strict, Strict::Yes);
        let command = |hosts: &str| proxy_command(&Proxy::Jump(hosts.into()), &settings, Path::new("/h")).unwrap();
        assert_eq!(command("gate"), "ssh -o BatchMode=yes -W '[10.0.0.1]:22' ssh://gate");
        assert_eq!(command("a,me@b:2"), "ssh -o BatchMode=yes -J a -W '[10.0.0.1]:22' ssh://me@b:2");
        let named = Settings { file: Some("/my config".into()), ..settings.clone() };
        let command = proxy_command(&Proxy::Jump("gate".into()), &named, Path::new("/h")).unwrap();
        assert_eq!(command, "ssh -o BatchMode=yes -F '/my config' -W '[10.0.0.1]:22' ssh://gate");
    }

    #[test]
    fn names_with_shell_characters_reach_no_proxy_command() {
        let with = |hostname: &str, user: &str| {
            let settings = Settings { hostname: hostname.into(), user: user.into(), ..settings() };
            proxy_command(&Proxy::Command("nc %h %r".into()), &settings, Path::new("/h"))
        };
        assert_eq!(with("fe80::1%eth0", "kim.lee").unwrap(), "nc fe80::1%eth0 kim.lee");
        for bad in ["$(id)", "a;id", "`id`", "a b", "-oProxyCommand=id", "a\nid", "a|id", "'"] {
            assert!(with(bad, "kim").unwrap_err().contains("host name"), "{bad}");
            assert!(with("gate", bad).unwrap_err().contains("user name"), "{bad}");
        }
    }

    #[test]
    fn a_command_s_complaints_are_kept() {
        let mut socket = spawn("sh -c 'echo no way >&2'").unwrap();
        assert_eq!(socket.complaints(), "no way");
    }

    #[test]
    fn a_closed_port_is_told_in_ssh_s_words() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = Settings { hostname: "127.0.0.1".into(), port, ..settings() };
        let error = connect(&settings).unwrap_err();
        assert_eq!(error, format!("connect to host 127.0.0.1 port {port}: Connection refused"));
    }

    #[test]
    fn a_host_that_vanished_is_noticed_within_a_minute() {
        use nix::sys::socket::getsockopt;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        tune(&stream).unwrap();
        assert!(getsockopt(&stream, sockopt::KeepAlive).unwrap());
        let interval = getsockopt(&stream, sockopt::TcpKeepInterval).unwrap();
        let probes = interval * getsockopt(&stream, sockopt::TcpKeepCount).unwrap();
        let idle = getsockopt(&stream, sockopt::TcpKeepIdle).unwrap();
        assert!(idle + probes <= 60, "{idle} and {probes} seconds");
        assert!(getsockopt(&stream, sockopt::TcpUserTimeout).unwrap() <= 60_000);
    }
}
