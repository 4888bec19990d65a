#pragma once

/// Claims and finishes so many keys, each by two statements that commit by themselves, over one connection.
///
/// Makes the table `raw` if it is not there. Returns executions a second; negative: it failed.
double postgresql_loop_executions(const char *connection, int first, int executions);
