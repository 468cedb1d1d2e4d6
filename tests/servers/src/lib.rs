//! Starts memcached and redis for larder's tests on free loopback ports, and stops them.
