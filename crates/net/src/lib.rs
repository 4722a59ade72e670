//! One HTTP server and one HTTP client for the whole program, with every bound set in one place.
//!
//! This crate knows nothing of routes: the caller hands in a router, or asks for a URL.

mod body;
mod client;
mod server;

pub use body::{BodyError, read_body};
pub use client::{Client, ClientError, ClientOptions, Response, Streamed};
pub use server::{ServerOptions, compressed, serve};
