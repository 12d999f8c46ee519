//! Directories: the roster against a real OpenLDAP and a real domain controller, and against a server that plays what real ones do wrong.

mod active_directory;
pub mod clients;
mod openldap;
mod samba;
pub mod slapd;
