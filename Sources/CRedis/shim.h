#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <hiredis/hiredis.h>
#include "tls.h"

// From now on nothing waits: who reads or writes does what can be done at once. And no program that is started has the connection.
static inline int idempotency_redis_stop_blocking(redisContext *context) {
    int flags = fcntl(context->fd, F_GETFL);
    if (flags < 0 || fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) < 0) return REDIS_ERR;
    if (fcntl(context->fd, F_SETFD, FD_CLOEXEC) < 0) return REDIS_ERR;
    context->flags &= ~REDIS_BLOCK;
    return REDIS_OK;
}

// redisBufferWrite without its signal: to write to a connection that the server has closed ends a program that did not
// expect SIGPIPE, and a library does not change how a program takes its signals.
static inline int idempotency_redis_write(redisContext *context, int *done) {
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    int was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    int status = redisBufferWrite(context, done);
    if (status != REDIS_OK && !was_pending) {
        int signal;
        sigpending(&pending);
        if (sigismember(&pending, SIGPIPE)) sigwait(&pipe, &signal);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}
