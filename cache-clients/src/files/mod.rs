//! Files: the server contract over a directory that processes share.
