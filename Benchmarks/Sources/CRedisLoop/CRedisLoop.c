#include "CRedisLoop.h"

#if __has_include(<hiredis/hiredis.h>)
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/// As long as a record of a claim, and of a finished run with a result of 100 bytes.
enum { claim_size = 89, record_size = 190 };
static const char filler[4096];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/// A connection to the database of the loops.
static redisContext *connection(int port) {
    redisContext *context = redisConnect("127.0.0.1", port);
    if (!context || context->err) return NULL;
    redisReply *reply = redisCommand(context, "SELECT 1");
    if (reply) freeReplyObject(reply);
    return context;
}

/// Empties the database, and brings the server the script. Returns whether that worked.
static int begin(redisContext *context, const char *script, char digest[41]) {
    freeReplyObject(redisCommand(context, "FLUSHDB"));
    if (!script) return 1;
    redisReply *reply = redisCommand(context, "SCRIPT LOAD %s", script);
    int works = reply && reply->type == REDIS_REPLY_STRING && reply->len == 40;
    if (works) memcpy(digest, reply->str, 41);
    if (reply) freeReplyObject(reply);
    return works;
}

static void name(char *text, long number) {
    sprintf(text, "raw:{a7}:charge/00000000-0000-4000-8000-%012ld", number);
}

/// Sends a claim of a key; or, with the version of the claim, its finish.
static void call(redisContext *context, const char *digest, long number, long long version) {
    char key[64], expected[7];
    name(key, number);
    for (int byte = 0; byte < 7; byte++) expected[byte] = (char)(version >> (48 - 8 * byte));
    const char *arguments[] = {"EVALSHA", digest, "2", key, "raw:{a7}:version", "write", expected, "86430000", filler};
    size_t lengths[] = {7, 40, 1, strlen(key), 16, 5, version ? 7 : 0, 8, version ? record_size : claim_size};
    redisAppendCommandArgv(context, 9, arguments, lengths);
}

/// Runs keys, as many at once as asked for. Replies come in the order of the calls.
static int run(redisContext *context, const char *digest, int executions, int under_way) {
    struct { long number; int is_claim; } *calls = calloc((size_t)under_way, sizeof *calls);
    long sent = 0, received = 0, begun = 0, done = 0;
    int works = 1;
    while (begun < under_way && begun < executions) {
        calls[sent % under_way].number = begun;
        calls[sent++ % under_way].is_claim = 1;
        call(context, digest, begun++, 0);
    }
    while (works && done < executions) {
        redisReply *reply;
        works = redisGetReply(context, (void **)&reply) == REDIS_OK && reply->type == REDIS_REPLY_INTEGER;
        if (!works) break;
        long number = calls[received % under_way].number;
        int is_claim = calls[received++ % under_way].is_claim;
        if (is_claim) {
            call(context, digest, number, reply->integer);
        } else {
            done++;
            if (begun < executions) call(context, digest, number = begun++, 0);
            else number = -1;
        }
        if (number >= 0) {
            calls[sent % under_way].number = number;
            calls[sent++ % under_way].is_claim = !is_claim;
        }
        freeReplyObject(reply);
    }
    free(calls);
    return works;
}

double redis_loop_executions(int port, const char *script, int executions, int under_way) {
    redisContext *context = connection(port);
    char digest[41];
    if (!context || !begin(context, script, digest)) return -1;
    double start = now();
    int works = run(context, digest, executions, under_way);
    double rate = executions / (now() - start);
    redisFree(context);
    return works ? rate : -1;
}

double redis_loop_replays(int port, const char *script, int keys, int replays, int under_way) {
    redisContext *context = connection(port);
    char digest[41];
    if (!context || !begin(context, script, digest) || !run(context, digest, keys, 64)) return -1;
    double start = now();
    int works = 1;
    long sent = 0;
    for (long done = 0; works && done < replays; done++) {
        for (; sent < replays && sent - done < under_way; sent++) call(context, digest, sent % keys, 0);
        redisReply *reply;
        works = redisGetReply(context, (void **)&reply) == REDIS_OK && reply->type == REDIS_REPLY_STRING;
        if (works) freeReplyObject(reply);
    }
    double rate = replays / (now() - start);
    redisFree(context);
    return works ? rate : -1;
}

static int set(redisContext *context, long number, size_t size) {
    char key[64];
    name(key, number);
    redisReply *reply = redisCommand(context, "SET %s %b", key, filler, size);
    int works = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply) freeReplyObject(reply);
    return works;
}

struct share {
    int port, first, last, works;
};

static void *set_share(void *argument) {
    struct share *share = argument;
    redisContext *context = connection(share->port);
    share->works = context != NULL;
    for (int number = share->first; share->works && number < share->last; number++) {
        share->works = set(context, number, claim_size) && set(context, number, record_size);
    }
    if (context) redisFree(context);
    return NULL;
}

double redis_loop_sets(int port, int executions, int connections) {
    redisContext *context = connection(port);
    if (!context) return -1;
    begin(context, NULL, NULL);
    redisFree(context);
    pthread_t *threads = calloc((size_t)connections, sizeof *threads);
    struct share *shares = calloc((size_t)connections, sizeof *shares);
    double start = now();
    for (int index = 0; index < connections; index++) {
        int each = executions / connections;
        shares[index] = (struct share){port, index * each, (index + 1) * each, 0};
        pthread_create(&threads[index], NULL, set_share, &shares[index]);
    }
    int works = 1;
    for (int index = 0; index < connections; index++) {
        pthread_join(threads[index], NULL);
        works &= shares[index].works;
    }
    double rate = executions / (now() - start);
    free(threads);
    free(shares);
    return works ? rate : -1;
}

static double used_memory(redisContext *context) {
    redisReply *reply = redisCommand(context, "INFO memory");
    const char *line = reply && reply->str ? strstr(reply->str, "used_memory:") : NULL;
    double bytes = line ? atof(line + 12) : -1;
    if (reply) freeReplyObject(reply);
    return bytes;
}

double redis_loop_memory(int port, int keys, int bytes) {
    redisContext *context = connection(port);
    if (!context || bytes > (int)sizeof filler) return -1;
    begin(context, NULL, NULL);
    double before = used_memory(context);
    int works = 1;
    for (int number = 0; works && number < keys; number++) works = set(context, number, (size_t)bytes);
    double each = (used_memory(context) - before) / keys;
    begin(context, NULL, NULL);
    redisFree(context);
    return works ? each : -1;
}
#endif
