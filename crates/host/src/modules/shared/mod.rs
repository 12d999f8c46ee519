//! What several modules share.

pub mod accounts;
pub mod attributes;
pub mod files;
pub mod text_file;
