#pragma once

// What a plain loop in C reaches on a file of SQLite, in operations a second; below zero if SQLite failed.

/// Executions (an insert and an update of one row), so many writes a commit.
double sqlite_loop_executions(const char *path, const char *synchronous, int executions, int writes_a_commit);

/// Reads of single rows that `sqlite_loop_executions` has written.
double sqlite_loop_reads(const char *path, int rows, int reads);
