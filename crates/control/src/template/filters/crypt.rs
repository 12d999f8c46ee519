//! `password_hash`: the forms of crypt(3) that passwd files hold.

use super::draw::Draw;
use super::{Args, Reaching};
use crate::template::ControlNode;
use words::value::Value;

pub(super) const REACHING_FILTERS: Reaching =
    &[("password_hash", "password, hashtype, salt, salt_size, rounds, ident", password_hash)];

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Rounds that need no mention in the result.
const IMPLICIT_ROUNDS: u32 = 5000;

fn password_hash(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    let kind = args.string_or(1, "hashtype", "sha512");
    let salt = args.string(2, "salt");
    let salt_size = args.int(3, "salt_size")?.unwrap_or(16).clamp(1, 16) as usize;
    let rounds = args.int(4, "rounds")?;
    let salt = match salt {
        Some(salt) => salt,
        None => random_salt(salt_size, control)?,
    };
    crypt(&args.text(), &kind, &salt, rounds).map(Value::from)
}

/// A random salt of the letters that crypt(3) knows.
pub(crate) fn random_salt(length: usize, control: &dyn ControlNode) -> Result<String, String> {
    let mut draw = Draw::new(None, control)?;
    (0..length).map(|_| Ok(ALPHABET[draw.below(64)? as usize] as char)).collect()
}

/// The hash as a passwd file holds it. Rounds default to Ansible's: 656000 for SHA-512, 535000 for SHA-256.
pub(crate) fn crypt(password: &str, kind: &str, salt: &str, rounds: Option<i64>) -> Result<String, String> {
    let (prefix, default) = match kind {
        "sha512" | "sha512_crypt" => ("6", 656_000),
        "sha256" | "sha256_crypt" => ("5", 535_000),
        "md5" | "md5_crypt" | "blowfish" | "bcrypt" => {
            return Err(format!("the hash '{kind}' is not supported; use sha512 or sha256"));
        }
        other => return Err(format!("'{other}' is no hash; there are sha512 and sha256")),
    };
    if salt.len() > 16 || salt.bytes().any(|byte| !ALPHABET.contains(&byte)) {
        return Err("a salt has at most 16 letters out of a-z, A-Z, 0-9, '.' and '/'".into());
    }
    let rounds = u32::try_from(rounds.unwrap_or(default)).map_err(|_| "rounds must be from 1000 to 999999999")?;
    let params = sha_crypt::Params::new(rounds).map_err(|_| "rounds must be from 1000 to 999999999")?;
    let mention = if rounds == IMPLICIT_ROUNDS { String::new() } else { format!("rounds={rounds}$") };
    let hash = match prefix {
        "6" => encode(&sha_crypt::sha512_crypt(password.as_bytes(), salt.as_bytes(), params), 21),
        _ => encode(&sha_crypt::sha256_crypt(password.as_bytes(), salt.as_bytes(), params), 10),
    };
    Ok(format!("${prefix}${mention}{salt}${hash}"))
}

/// crypt(3)'s base64: the digest is read in three columns of `rows` bytes that change places from row to row, then
/// what is left.
fn encode(digest: &[u8], rows: usize) -> String {
    let mut out = String::new();
    let (turn, mut at) = (if rows == 21 { 1 } else { 2 }, 0);
    for row in 0..rows {
        let [a, b, c] = [at % 3, (at + 1) % 3, (at + 2) % 3].map(|column| digest[row + column * rows]);
        push(&mut out, [a, b, c], 4);
        at += turn;
    }
    match digest[rows * 3..] {
        [last] => push(&mut out, [0, 0, last], 2),
        [next, last] => push(&mut out, [0, last, next], 3),
        _ => {}
    }
    out
}

fn push(out: &mut String, bytes: [u8; 3], letters: usize) {
    let mut number = bytes.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    for _ in 0..letters {
        out.push(ALPHABET[(number & 63) as usize] as char);
        number >>= 6;
    }
}
