//! The agent program as the controller holds it: found once, hashed once, compressed only when some host lacks it.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use words::diag::{Diagnostic, ErrorKind};
use words::text::hex::hex;

/// The agent's program file, read.
#[derive(Debug)]
pub struct Image {
    /// Where it was found.
    pub path: PathBuf,
    /// SHA-256 of it in hex; hosts keep it under this name.
    pub digest: String,
    program: Vec<u8>,
    compressed: OnceLock<Vec<u8>>,
}

impl Image {
    /// Finds and reads the agent: `$ENLIST_AGENT`, `enlist-agent` beside the running program, or
    /// `../lib/enlist/enlist-agent` from there.
    pub fn find() -> Result<Self, Box<Diagnostic>> {
        let here = std::env::current_exe().unwrap_or_default();
        let candidates = candidates(std::env::var_os("ENLIST_AGENT").map(PathBuf::from), &here);
        let Some(path) = candidates.iter().find(|path| path.is_file()) else {
            return Err(Box::new(missing(&candidates)));
        };
        Self::read(path)
    }

    /// Reads the agent from a given file.
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let program = std::fs::read(path).map_err(|error| {
            let message = format!("cannot read the agent {}: {error}", path.display());
            Box::new(Diagnostic::new(ErrorKind::Usage, message).hint(HOW_TO_GET_IT))
        })?;
        let digest = hex(&Sha256::digest(&program));
        Ok(Self { path: path.to_owned(), digest, program, compressed: OnceLock::new() })
    }

    /// What is sent to a host. The first who asks for it compressed pays for that, the others wait. Quickly rather than
    /// tightly: the tenth that it would save costs more on the first run than sending it does.
    pub fn packed(&self, packing: Packing) -> &[u8] {
        if packing == Packing::Plain {
            return &self.program;
        }
        self.compressed.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&self.program).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
        })
    }

    /// The processor that it runs on, in `uname -m`'s words; `None` when it is no ELF program that we know.
    pub fn machine(&self) -> Option<&'static str> {
        if !self.program.starts_with(b"\x7fELF") {
            return None;
        }
        match self.program.get(18..20)? {
            [0x3e, 0] => Some("x86_64"),
            [0xb7, 0] => Some("aarch64"),
            [0xf3, 0] => Some("riscv64"),
            [0x15, 0] => Some("ppc64le"),
            _ => None,
        }
    }
}

/// How the program travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As it is: in the same hall, sending it takes less than unpacking would.
    Plain,
    /// Less than half as long, for 10 to 20 ms of a host's time.
    Gzip,
}

impl Packing {
    /// The rest of a shell's pipeline that unpacks.
    pub fn undone_by(self) -> &'static str {
        match self {
            Packing::Plain => "",
            Packing::Gzip => "| gzip -dc",
        }
    }
}

const HOW_TO_GET_IT: &str = "build it with `make build`, or name it with ENLIST_AGENT=/path/to/enlist-agent";

/// Where the agent may be, best first. A path that the user named is the only candidate.
fn candidates(named: Option<PathBuf>, here: &Path) -> Vec<PathBuf> {
    if let Some(path) = named {
        return vec![path];
    }
    let directory = here.parent().unwrap_or(Path::new("/"));
    vec![directory.join("enlist-agent"), directory.join("../lib/enlist/enlist-agent")]
}

fn missing(candidates: &[PathBuf]) -> Diagnostic {
    let places: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
    Diagnostic::new(ErrorKind::Usage, "the agent program `enlist-agent` that runs on hosts is missing")
        .note(format!("looked for {}", places.join(" and ")))
        .hint(HOW_TO_GET_IT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_named_agent_is_the_only_candidate() {
        assert_eq!(candidates(Some("/x/a".into()), Path::new("/usr/bin/enlist")), [Path::new("/x/a")]);
        let found = candidates(None, Path::new("/usr/bin/enlist"));
        assert_eq!(found[0], Path::new("/usr/bin/enlist-agent"));
        assert_eq!(found[1], Path::new("/usr/bin/../lib/enlist/enlist-agent"));
    }

    #[test]
    fn reads_hashes_and_compresses() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent");
        std::fs::write(&path, b"abc").unwrap();
        let image = Image::read(&path).unwrap();
        assert_eq!(image.digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(image.packed(Packing::Gzip)).read_to_end(&mut back).unwrap();
        assert_eq!((&back[..], image.packed(Packing::Plain)), (&b"abc"[..], &b"abc"[..]));
        assert_eq!(image.machine(), None);
    }

    #[test]
    fn knows_the_processor_of_this_very_program() {
        let image = Image::read(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(image.machine(), Some(std::env::consts::ARCH));
    }

    #[test]
    fn a_missing_agent_says_how_to_get_it() {
        let error = Image::read(Path::new("/nonexistent/agent")).unwrap_err();
        assert!(error.hints[0].contains("make build"), "{error}");
    }
}
