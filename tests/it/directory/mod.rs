//! Directories: the roster against a real OpenLDAP and a real domain controller and a real NIS domain, and against a server that plays what real ones do wrong.

mod active_directory;
pub mod clients;
mod conflicts;
mod nis;
mod openldap;
mod samba;
pub mod slapd;
