#pragma once

/// Claims and finishes so many keys by the store's script, over one connection that always has so many calls under way.
///
/// All of these empty the database that they use, number 1, and return operations a second; negative: it failed.
double redis_loop_executions(int port, const char *script, int executions, int under_way);

/// Has the script find so many keys taken, over one connection that always has so many calls under way.
double redis_loop_replays(int port, const char *script, int keys, int replays, int under_way);

/// Writes so many keys twice each by plain SETs, over so many connections, each with a thread that waits for every reply.
double redis_loop_sets(int port, int executions, int connections);

/// How many bytes of the server's memory a key takes that a plain SET writes, with as many bytes as a finished record has;
/// negative: it failed.
double redis_loop_memory(int port, int keys, int bytes);
