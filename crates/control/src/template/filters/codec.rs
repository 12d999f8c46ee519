//! Encodings: base64, checksums, JSON, URLs, UUIDs.

use super::{Args, Table};
use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use words::text::encoding::Encoding;
use words::text::hex::hex;
use words::value::{Map, Value};

pub(super) const FILTERS: Table = &[
    ("b64encode", "string, encoding, urlsafe", b64encode),
    ("b64decode", "string, encoding, urlsafe", b64decode),
    ("hash", "data, hashtype", |args| {
        hash(&args.string_or(1, "hashtype", "sha1"), args.text().as_bytes()).map(Value::from)
    }),
    ("md5", "value", |args| hash("md5", args.text().as_bytes()).map(Value::from)),
    ("sha1", "value", |args| hash("sha1", args.text().as_bytes()).map(Value::from)),
    ("checksum", "value", |args| hash("sha1", args.text().as_bytes()).map(Value::from)),
    ("to_json", "a, profile, vault_to_text, preprocess_unsafe, *, indent, sort_keys, ensure_ascii", to_json),
    ("to_nice_json", "a, indent, sort_keys, *, ensure_ascii, vault_to_text, preprocess_unsafe", to_nice_json),
    ("tojson", "value, indent", tojson),
    ("from_json", "a, profile", |args| {
        Value::from_json(&args.text()).map_err(|error| format!("this is no JSON: {error}"))
    }),
    ("pprint", "value", |args| Ok(args.input().repr().into())),
    ("urlencode", "value", |args| urlencode(args)),
    ("urldecode", "value", |args| Ok(percent_decode(&args.text().replace('+', " ")).into())),
    ("urlsplit", "value, query, alias", urlsplit),
    ("to_uuid", "string, namespace", to_uuid),
];

fn alphabet(args: &Args) -> GeneralPurpose {
    if args.flag(2, "urlsafe", false) { URL_SAFE } else { STANDARD }
}

fn b64encode(args: &Args) -> Result<Value, String> {
    let bytes = encoded(&args.text(), &args.string_or(1, "encoding", "utf-8"))?;
    Ok(alphabet(args).encode(bytes).into())
}

/// Like Python, line breaks and other foreign letters are skipped.
fn b64decode(args: &Args) -> Result<Value, String> {
    let known = |c: &char| c.is_ascii_alphanumeric() || "+/-_=".contains(*c);
    let text: String = args.text().chars().filter(known).collect();
    let bytes = alphabet(args).decode(text).map_err(|error| format!("this is no base64: {error}"))?;
    decoded(&bytes, &args.string_or(1, "encoding", "utf-8")).map(Value::from)
}

fn encoded(text: &str, name: &str) -> Result<Vec<u8>, String> {
    Encoding::named(name)?.encode(text).ok_or_else(|| format!("the text has letters that {name} has not"))
}

fn decoded(bytes: &[u8], name: &str) -> Result<String, String> {
    Encoding::named(name)?.decode(bytes).ok_or_else(|| format!("the decoded bytes are no text in {name}"))
}

/// The hexadecimal digest.
pub(crate) fn hash(kind: &str, data: &[u8]) -> Result<String, String> {
    use sha1::Digest as _;
    Ok(match kind {
        "md5" => hex(&md5::Md5::digest(data)),
        "sha1" => hex(&sha1::Sha1::digest(data)),
        "sha224" => hex(&sha2::Sha224::digest(data)),
        "sha256" => hex(&sha2::Sha256::digest(data)),
        "sha384" => hex(&sha2::Sha384::digest(data)),
        "sha512" => hex(&sha2::Sha512::digest(data)),
        other => return Err(format!("unsupported hash type {other}")),
    })
}

/// `json.dumps`: non-ASCII letters are escaped unless `ensure_ascii=False`.
fn to_json(args: &Args) -> Result<Value, String> {
    dumps(args, args.int(usize::MAX, "indent")?, args.flag(usize::MAX, "sort_keys", false)).map(Value::from)
}

fn to_nice_json(args: &Args) -> Result<Value, String> {
    dumps(args, Some(args.int(1, "indent")?.unwrap_or(4)), args.flag(2, "sort_keys", true)).map(Value::from)
}

/// Deeper than anybody reads.
const MAX_INDENT: i64 = 1000;

fn dumps(args: &Args, indent: Option<i64>, sorted: bool) -> Result<String, String> {
    let value = args.input();
    let text = match indent {
        Some(indent) => value.to_json_pretty(sorted, indent.clamp(0, MAX_INDENT) as usize),
        None => value.to_json_line(sorted),
    };
    Ok(if args.flag(usize::MAX, "ensure_ascii", true) { ascii(&text) } else { text })
}

/// `\uXXXX` for all letters beyond ASCII; they occur inside of texts only.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c)
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")))
        }
    }
    out
}

/// Jinja's, safe inside of HTML, keys sorted.
fn tojson(args: &Args) -> Result<Value, String> {
    let text = dumps(args, args.int(1, "indent")?, true)?;
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    Ok(text.into())
}

fn urlencode(args: &Args) -> Result<Value, String> {
    let encode = |text: &str, keep: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || keep.as_bytes().contains(&byte) {
                out.push(byte as char)
            } else {
                out.push_str(&format!("%{byte:02X}"))
            }
            out
        })
    };
    let pair = |key: &str, value: &Value| {
        format!("{}={}", encode(key, "").replace("%20", "+"), encode(&value.to_string(), "").replace("%20", "+"))
    };
    Ok(match args.input() {
        Value::Map(map) => map.iter().map(|(key, value)| pair(key, value)).collect::<Vec<_>>().join("&").into(),
        other => encode(&other.to_string(), "/").into(),
    })
}

pub(super) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn urlsplit(args: &Args) -> Result<Value, String> {
    let text = args.text();
    let (rest, fragment) = text.split_once('#').unwrap_or((&text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let scheme_end =
        rest.find(':').filter(|at| rest[..*at].chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)));
    let (scheme, rest) = scheme_end.map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (user, host) = netloc.rsplit_once('@').map_or((None, netloc), |(user, host)| (Some(user), host));
    let (username, password) = match user.map(|user| user.split_once(':').map_or((user, None), |(u, p)| (u, Some(p)))) {
        Some((username, password)) => (Some(username), password),
        None => (None, None),
    };
    let port_at = host.rfind(':').filter(|at| !host[*at..].contains(']'));
    let (hostname, port) = port_at.map_or((host, None), |at| (&host[..at], host[at + 1..].parse::<i64>().ok()));
    let hostname = hostname.trim_matches(['[', ']']).to_lowercase();
    let parts = Map::from_iter([
        ("fragment".to_owned(), Value::from(fragment)),
        ("hostname".to_owned(), Some(hostname).filter(|name| !name.is_empty()).into()),
        ("netloc".to_owned(), netloc.into()),
        ("password".to_owned(), password.into()),
        ("path".to_owned(), path.into()),
        ("port".to_owned(), port.into()),
        ("query".to_owned(), query.into()),
        ("scheme".to_owned(), scheme.to_lowercase().into()),
        ("username".to_owned(), username.into()),
    ]);
    match args.string(1, "query").filter(|query| !query.is_empty()) {
        Some(part) => parts.get(&part).cloned().ok_or_else(|| format!("unknown URL component: {part}")),
        None => Ok(Value::Map(parts)),
    }
}

/// Version 5, in Ansible's own namespace unless another is given.
fn to_uuid(args: &Args) -> Result<Value, String> {
    let namespace = args.string_or(1, "namespace", "361E6D51-FAEC-444A-9079-341386DA8E2E").replace('-', "");
    let byte = |index: usize| namespace.get(index * 2..index * 2 + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
    let mut data = (0..16).map(byte).collect::<Option<Vec<u8>>>().ok_or("invalid value for 'namespace'")?;
    data.extend(args.text().into_bytes());
    let digest = <sha1::Sha1 as sha1::Digest>::digest(&data);
    let mut id: [u8; 16] = std::array::from_fn(|index| digest[index]);
    id[6] = id[6] & 0x0f | 0x50;
    id[8] = id[8] & 0x3f | 0x80;
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-").into())
}
