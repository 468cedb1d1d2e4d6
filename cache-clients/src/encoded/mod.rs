//! Values as bytes: from a server's answers to a typed cache.
