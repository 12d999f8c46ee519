//! What people see. Code says *labels* ([`styles::Style`]); colours come from one table and only reach a terminal.

pub mod styles;
