#include <hiredis/hiredis.h>

// TLS by hiredis' own part for it, libhiredis_ssl, where there is one: from version 1.0 on. It is opened when it is needed, so that who
// does not need it does without, and a program that was built runs where it is missing.
//
// hiredis (to version 1.3 at least) checks who has signed a certificate, and not whom it is for. So the session is prepared with
// OpenSSL's functions, which come along with the library.

#if HIREDIS_MAJOR >= 1
#include <dlfcn.h>
#include <stdlib.h>

static inline int idempotency_redis_has_tls(void) { return 1; }
#define IDEMPOTENCY_REDIS_TEXT(version) #version
#define IDEMPOTENCY_REDIS_VERSION(version) IDEMPOTENCY_REDIS_TEXT(version)
#ifdef __APPLE__
#define IDEMPOTENCY_REDIS_TLS_LIBRARY "libhiredis_ssl." IDEMPOTENCY_REDIS_VERSION(HIREDIS_SONAME) ".dylib"
#else
#define IDEMPOTENCY_REDIS_TLS_LIBRARY "libhiredis_ssl.so." IDEMPOTENCY_REDIS_VERSION(HIREDIS_SONAME)
#endif

struct ssl_st;
struct ssl_ctx_st;

// Begins TLS on a connection that waits (REDIS_BLOCK): checks that the certificate is for the host, and signed by somebody trusted.
//
// roots: a file of trusted certificates; NULL: the system's. certificate, key: files of a client's own, or NULL.
// Returns what went wrong, or NULL; then the connection says more if its err is set.
static inline const char *idempotency_redis_begin_tls(
    redisContext *context, const char *host, const char *roots, const char *certificate, const char *key
) {
    void *library = dlopen(IDEMPOTENCY_REDIS_TLS_LIBRARY, RTLD_NOW);
    if (!library) return "the library " IDEMPOTENCY_REDIS_TLS_LIBRARY " is not installed";
#define IDEMPOTENCY_REDIS_FUNCTION(type, name, parameters) \
    type(*name) parameters = (type(*) parameters)dlsym(library, #name); \
    if (!name) return "the library " IDEMPOTENCY_REDIS_TLS_LIBRARY " has no " #name
    IDEMPOTENCY_REDIS_FUNCTION(int, redisInitiateSSL, (redisContext *, struct ssl_st *));
    IDEMPOTENCY_REDIS_FUNCTION(const void *, TLS_client_method, (void));
    IDEMPOTENCY_REDIS_FUNCTION(struct ssl_ctx_st *, SSL_CTX_new, (const void *));
    IDEMPOTENCY_REDIS_FUNCTION(void, SSL_CTX_free, (struct ssl_ctx_st *));
    IDEMPOTENCY_REDIS_FUNCTION(long, SSL_CTX_ctrl, (struct ssl_ctx_st *, int, long, void *));
    IDEMPOTENCY_REDIS_FUNCTION(void, SSL_CTX_set_verify, (struct ssl_ctx_st *, int, void *));
    IDEMPOTENCY_REDIS_FUNCTION(int, SSL_CTX_set_default_verify_paths, (struct ssl_ctx_st *));
    IDEMPOTENCY_REDIS_FUNCTION(int, SSL_CTX_load_verify_locations, (struct ssl_ctx_st *, const char *, const char *));
    IDEMPOTENCY_REDIS_FUNCTION(int, SSL_CTX_use_certificate_chain_file, (struct ssl_ctx_st *, const char *));
    IDEMPOTENCY_REDIS_FUNCTION(int, SSL_CTX_use_PrivateKey_file, (struct ssl_ctx_st *, const char *, int));
    IDEMPOTENCY_REDIS_FUNCTION(struct ssl_st *, SSL_new, (struct ssl_ctx_st *));
    IDEMPOTENCY_REDIS_FUNCTION(void, SSL_free, (struct ssl_st *));
    IDEMPOTENCY_REDIS_FUNCTION(long, SSL_ctrl, (struct ssl_st *, int, long, void *));
    IDEMPOTENCY_REDIS_FUNCTION(int, SSL_set1_host, (struct ssl_st *, const char *));
    IDEMPOTENCY_REDIS_FUNCTION(void *, SSL_get0_param, (struct ssl_st *));
    IDEMPOTENCY_REDIS_FUNCTION(int, X509_VERIFY_PARAM_set1_ip_asc, (void *, const char *));
#undef IDEMPOTENCY_REDIS_FUNCTION
    enum { set_minimum_version = 123, tls_1_2 = 0x0303, set_host_name = 55, verify_peer = 1, pem = 1 };

    const char *problem = NULL;
    struct ssl_st *session = NULL;
    struct ssl_ctx_st *settings = SSL_CTX_new(TLS_client_method());
    if (!settings) return "TLS could not be set up";
    SSL_CTX_ctrl(settings, set_minimum_version, tls_1_2, NULL);
    SSL_CTX_set_verify(settings, verify_peer, NULL);
    if (roots ? !SSL_CTX_load_verify_locations(settings, roots, NULL) : !SSL_CTX_set_default_verify_paths(settings)) {
        problem = "the trusted certificates cannot be read";
    } else if (certificate && SSL_CTX_use_certificate_chain_file(settings, certificate) != 1) {
        problem = "the client's certificate cannot be read";
    } else if (key && SSL_CTX_use_PrivateKey_file(settings, key, pem) != 1) {
        problem = "the client's private key cannot be read, or is not that of its certificate";
    } else if (!(session = SSL_new(settings))) {
        problem = "TLS could not be set up";
    } else if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host)
               && (!SSL_set1_host(session, host) || !SSL_ctrl(session, set_host_name, 0, (void *)host))) {
        problem = "the host's name cannot be checked";
    } else if (redisInitiateSSL(context, session) != REDIS_OK) {
        problem = "the server's certificate, or the beginning of TLS, was refused";
    } else {
        // It belongs to the connection now.
        session = NULL;
    }
    if (session) SSL_free(session);
    // The session holds on to what it needs.
    SSL_CTX_free(settings);
    return problem;
}
#else
static inline int idempotency_redis_has_tls(void) { return 0; }

static inline const char *idempotency_redis_begin_tls(
    redisContext *context, const char *host, const char *roots, const char *certificate, const char *key
) {
    return "this version of hiredis has no TLS";
}
#endif
