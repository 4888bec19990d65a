#pragma once

/// What a load came to.
struct http_load {
    /// Requests a second; negative: the server answered with something else than expected, or not at all.
    double rate;
    /// The time of the slowest of a hundred requests, in seconds.
    double p99;
};

/// Sends so many requests `POST path` over so many connections, each with one request at a time, from one thread.
///
/// Every request has a key: the numbers from `first_key` on, or `first_key` in each if `keys` is 1. A response must begin with the
/// status, and hold the text.
struct http_load http_loop(int port, const char *path, int requests, int connections, long first_key, long keys, int status,
                           const char *text);
