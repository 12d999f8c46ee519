//! Directories: the roster against a real OpenLDAP, and against a server that plays what real ones do wrong.

pub mod clients;
mod openldap;
pub mod slapd;
