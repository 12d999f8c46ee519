//! A directory against a server that plays what real ones do wrong. Never a removal that was not asked for, always named.

mod faults;
mod kinds;
mod server;
